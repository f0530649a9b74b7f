import { crc32, deflateRawSync } from 'node:zlib';

// Archives made by hand, also such as no program writes.

/** A file in an archive. */
export interface Member {
  name: string | Buffer;
  data?: Uint8Array | string;
  /** Of tar: the type flag. */
  type?: string;
  /** Of tar: where a link leads. */
  link?: string;
  /** Of zip: kind and permissions as Unix has them. */
  mode?: number;
  /** Of zip: flags, such as 1 for encrypted. */
  flags?: number;
  /** What the head states in place of the truth. */
  stated?: { size?: number; crc?: number };
}

/** A tar archive (POSIX.1-1988 ustar), whose names have at most 100 bytes. */
export function tarOf(...members: Member[]): Buffer {
  const blocks = members.flatMap(({ name, data = '', type = '0', link = '', stated }) => {
    const content = Buffer.from(data as Uint8Array);
    const head = Buffer.alloc(512);
    Buffer.from(name as Buffer).copy(head);
    const octal = (value: number, at: number, digits: number) =>
      head.write(value.toString(8).padStart(digits, '0'), at);
    octal(0o644, 100, 7);
    octal(0, 108, 7);
    octal(0, 116, 7);
    octal(stated?.size ?? content.length, 124, 11);
    octal(0, 136, 11);
    head.write('        ', 148);
    head.write(type, 156);
    head.write(link, 157);
    head.write('ustar\x0000', 257, 'latin1');
    octal(
      head.reduce((sum, byte) => sum + byte, 0),
      148,
      6,
    );
    head[154] = 0;
    return [head, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A zip archive, deflated. */
export function zipOf(...members: Member[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data = '', mode = 0o100644, flags = 0x800, stated } of members) {
    const content = Buffer.from(data as Uint8Array);
    const packed = deflateRawSync(content);
    const path = Buffer.from(name as Buffer);
    // From the flags to the length of the extra field, the same in both heads.
    const common = Buffer.alloc(24);
    common.writeUInt16LE(flags, 0);
    common.writeUInt16LE(8, 2);
    common.writeUInt32LE(stated?.crc ?? crc32(content), 8);
    common.writeUInt32LE(packed.length, 12);
    common.writeUInt32LE(stated?.size ?? content.length, 16);
    common.writeUInt16LE(path.length, 20);
    const local = Buffer.concat([Buffer.from('PK\x03\x04\x14\x00', 'latin1'), common, path, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03\x14\x00', 'latin1'), common, rest, path]));
    parts.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, listed, end]);
}
