"""Writes the picture files of tests/fixtures/fidelity and what Pillow makes of them.

One small file or more for every kind of picture that kinds.json there, and so docs/fidelity.md, decides on. Needs Pillow 12, numpy,
tifffile, imagecodecs and cjpeg (Debian: libjpeg-turbo-progs):

    python scripts/reference/fidelity.py tests/fixtures/fidelity
    npx biome format --write tests/fixtures/fidelity
"""

import argparse
import base64
import hashlib
import io
import json
import struct
import subprocess
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import PIL
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

WIDTH, HEIGHT = 22, 14
XMP_NAME = b"XML:com.adobe.xmp"


def smooth() -> np.ndarray:
    """A picture without symmetry that lossy codecs keep well: height x width x 3, u8."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.int64)
    return np.stack([x * 11, y * 17, 255 - x * 5 - y * 9], axis=-1).clip(0, 255).astype(np.uint8)


def varied() -> np.ndarray:
    """A picture with all levels and sharp edges: height x width x 3, u8."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.int64)
    channels = [(x * 7 + y * 13 + c * 85 + (x * y) % 31 * 5 + (x // 3 + y // 2) % 2 * 90) % 256 for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


RGB = varied()
GREY = np.array(Image.fromarray(RGB).convert("L"))
RAMP = np.linspace(0, 255, WIDTH).astype(np.uint8)[None, :].repeat(HEIGHT, 0)
# All 16 bits in use, and not only multiples of 257.
RGB16 = RGB.astype(np.uint16) * 251 + 77
GREY16 = GREY.astype(np.uint16) * 251 + 77
RAMP16 = RAMP.astype(np.uint16) * 257


# --- Orientation ---

def exif(orientation: int, prefix: bytes = b"") -> bytes:
    return prefix + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x112, 3, 1, orientation, 0, 0)


def xmp(orientation: int, attribute: bool = True) -> bytes:
    inner = f' tiff:Orientation="{orientation}"/>' if attribute else (
        f"><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{inner}</rdf:RDF></x:xmpmeta>'
    ).encode()


def raw_profile(orientation: int) -> str:
    """EXIF data as ImageMagick writes them into a text of a PNG."""
    data = exif(orientation, b"Exif\0\0").hex()
    lines = [data[i:i + 72] for i in range(0, len(data), 72)]
    return "\n".join(["", "exif", f"{len(data) // 2:8}", *lines, ""])


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_with(*segments: bytes) -> bytes:
    plain = saved(smooth(), "JPEG", quality=92)
    return plain[:2] + b"".join(segments) + plain[2:]


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(*chunks: bytes, late: bool = False) -> bytes:
    plain = saved(RGB, "PNG")
    at = len(plain) - 12 if late else 33
    return plain[:at] + b"".join(chunks) + plain[at:]


def itxt(data: bytes, packed: bool) -> bytes:
    return png_chunk(b"iTXt", XMP_NAME + bytes([0, packed, 0, 0, 0]) + (zlib.compress(data) if packed else data))


def webp_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp_with(flags: int, *chunks: bytes) -> bytes:
    plain = saved(RGB, "WEBP", lossless=True)
    canvas = struct.pack("<I", flags) + struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    body = b"WEBP" + webp_chunk(b"VP8X", canvas) + plain[12:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def orientations() -> dict[str, bytes]:
    app1, adobe = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
    text = lambda name, value: png_chunk(b"tEXt", name + b"\0" + value.encode())
    ztxt = lambda name, value: png_chunk(b"zTXt", name + b"\0\0" + zlib.compress(value.encode()))
    turned = Image.Exif()
    files = {
        "jpeg-xmp.jpg": jpeg_with(segment(0xE1, adobe + xmp(8))),
        "jpeg-xmp-element.jpg": jpeg_with(segment(0xE1, adobe + xmp(5, attribute=False))),
        "jpeg-exif-before-xmp.jpg": jpeg_with(segment(0xE1, adobe + xmp(8)), segment(0xE1, app1 + exif(6))),
        "jpeg-exif-upright-xmp.jpg": jpeg_with(segment(0xE1, app1 + exif(1)), segment(0xE1, adobe + xmp(8))),
        "jpeg-exif-prefixed.jpg": jpeg_with(segment(0xE1, app1 + exif(6, b"Exif\0\0"))),
        "jpeg-exif-in-two.jpg": jpeg_with(segment(0xE1, app1 + exif(6)[:14]), segment(0xE1, app1 + exif(6)[14:])),
        "png-exif.png": png_with(png_chunk(b"eXIf", exif(7))),
        "png-exif-late.png": png_with(png_chunk(b"eXIf", exif(6)), late=True),
        "png-exif-prefixed.png": png_with(png_chunk(b"eXIf", exif(6, b"Exif\0\0Exif\0\0"))),
        "png-exif-twice.png": png_with(png_chunk(b"eXIf", exif(6)), png_chunk(b"eXIf", exif(3))),
        "png-xmp.png": png_with(itxt(xmp(8), packed=False)),
        "png-xmp-packed.png": png_with(itxt(xmp(4), packed=True)),
        "png-xmp-late.png": png_with(itxt(xmp(8), packed=False), late=True),
        "png-raw-profile.png": png_with(ztxt(b"Raw profile type exif", raw_profile(6))),
        "png-raw-profile-plain.png": png_with(text(b"Raw profile type exif", raw_profile(8))),
        "png-raw-profile-late.png": png_with(ztxt(b"Raw profile type exif", raw_profile(5)), late=True),
        "png-exif-before-raw-profile.png": png_with(
            ztxt(b"Raw profile type exif", raw_profile(6)), png_chunk(b"eXIf", exif(3))),
        "webp-exif.webp": webp_with(8, webp_chunk(b"EXIF", exif(6))),
        "webp-exif-prefixed.webp": webp_with(8, webp_chunk(b"EXIF", exif(7, b"Exif\0\0"))),
        "webp-exif-no-flag.webp": webp_with(0, webp_chunk(b"EXIF", exif(6))),
        "webp-xmp.webp": webp_with(4, webp_chunk(b"XMP ", xmp(8))),
        "webp-exif-before-xmp.webp": webp_with(12, webp_chunk(b"EXIF", exif(3)), webp_chunk(b"XMP ", xmp(8))),
        "tiff-xmp.tiff": tiff(RGB, photometric="rgb", extratags=[(700, 7, len(xmp(6)), xmp(6), False)]),
        "tiff-xmp-big.tiff": tiff(RGB, photometric="rgb", bigtiff=True,
                                  extratags=[(700, 7, len(xmp(5)), xmp(5), False)]),
        "tiff-tag-before-xmp.tiff": tiff(RGB, photometric="rgb", extratags=[
            (274, 3, 1, 3, False), (700, 7, len(xmp(6)), xmp(6), False)]),
    }
    for orientation in range(2, 9):
        turned[0x112] = orientation
        files[f"tiff-tag-{orientation}.tiff"] = tiff(RGB, photometric="rgb", extratags=[(274, 3, 1, orientation, False)])
        files[f"avif-turned-{orientation}.avif"] = avif(smooth(), exif=turned, subsampling="4:4:4")
    files["avif-exif-only.avif"] = avif_exif_only()
    files["avif-xmp-only.avif"] = avif(smooth(), xmp=xmp(6), subsampling="4:4:4")
    return files


def avif_exif_only() -> bytes:
    """An orientation in EXIF alone, which the standard says to ignore."""
    upright = Image.Exif()
    upright[0x10E] = "a picture"
    data = avif(smooth(), exif=upright, subsampling="4:4:4")
    entry = struct.pack(">HHI", 0x10E, 2, 10)
    at = data.find(entry)
    if at < 0:
        raise SystemExit("no EXIF data in the AVIF")
    return data[:at] + struct.pack(">HHIHH", 0x112, 3, 1, 6, 0) + data[at + 12:]


# --- Files ---

def saved(pixels: np.ndarray | Image.Image, form: str, **options) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def avif(pixels: np.ndarray | Image.Image, **options) -> bytes:
    return saved(pixels, "AVIF", **{"quality": 95, "speed": 8, "max_threads": 1, **options})


def tiff(pixels: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **{"metadata": None, "software": False, **options})
    return out.getvalue()


def jpegs() -> dict[str, bytes]:
    cmyk = saved(Image.fromarray(smooth()).convert("CMYK"), "JPEG", quality=92)
    marker = cmyk.index(b"Adobe")
    return {
        "jpeg-420.jpg": saved(smooth(), "JPEG", quality=92, subsampling="4:2:0"),
        "jpeg-422.jpg": saved(smooth(), "JPEG", quality=92, subsampling="4:2:2"),
        "jpeg-444.jpg": saved(smooth(), "JPEG", quality=92, subsampling="4:4:4"),
        "jpeg-rgb.jpg": saved(smooth(), "JPEG", quality=92, keep_rgb=True),
        "jpeg-cmyk.jpg": cmyk,
        "jpeg-cmyk-no-adobe.jpg": cmyk[:marker - 4] + cmyk[marker + 12:],
        # The same data, said to be YCCK.
        "jpeg-ycck.jpg": cmyk[:marker + 11] + b"\2" + cmyk[marker + 12:],
        "jpeg-progressive.jpg": saved(smooth(), "JPEG", quality=92, progressive=True),
        "jpeg-arithmetic.jpg": arithmetic(),
        "jpeg-arithmetic-progressive.jpg": arithmetic("-progressive"),
        "jpeg-grey.jpg": saved(GREY // 2 + 60, "JPEG", quality=92),
        "jpeg-12.jpg": imagecodecs.jpeg_encode(smooth().astype(np.uint16) << 4, level=92, bitspersample=12),
        "jpeg-lossless.jpg": imagecodecs.jpeg_encode(smooth(), lossless=True),
        "jpeg-icc.jpg": saved(smooth(), "JPEG", quality=92, icc_profile=profile()),
    }


def arithmetic(*options: str) -> bytes:
    ppm = saved(smooth(), "PPM")
    return subprocess.run(["cjpeg", "-arithmetic", "-quality", "92", *options], input=ppm, capture_output=True, check=True).stdout


def profile() -> bytes:
    """An ICC profile that would turn the colours round if it were applied: the primaries are swapped."""
    from PIL import ImageCms
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = data.index(b"rXYZ"), data.index(b"bXYZ")
    data[red:red + 4], data[blue:blue + 4] = b"bXYZ", b"rXYZ"
    # The time at which it was made.
    data[24:36] = bytes(12)
    return bytes(data)


def png(pixels: np.ndarray, depth: int, colour: int, *chunks: bytes) -> bytes:
    """A PNG of any depth and colour type, from samples that fit into `depth` bits."""
    height = len(pixels)
    rows = pixels.reshape(height, -1)
    if depth == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    elif depth == 8:
        lines = [row.astype(np.uint8).tobytes() for row in rows]
    else:
        bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = [np.packbits(row.reshape(-1)).tobytes() for row in bits]
    head = struct.pack(">IIBBBBB", pixels.shape[1], height, depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + line for line in lines))
    body = [png_chunk(b"IHDR", head), *chunks, png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def pngs() -> dict[str, bytes]:
    u16 = lambda *values: struct.pack(f">{len(values)}H", *(int(value) for value in values))
    palette = lambda entries: png_chunk(b"PLTE", bytes((i * 37 + c * 80) % 256 for i in range(entries) for c in range(3)))
    trns = lambda data: png_chunk(b"tRNS", data)
    frames = [Image.fromarray(np.roll(RGB, 5 * i, 1)) for i in range(3)]
    files = {
        "png-grey-alpha-16.png": png(np.dstack([GREY16, RAMP16]), 16, 4),
        "png-grey-16.png": png(GREY16, 16, 0),
        "png-grey-12-in-16.png": png(GREY16 >> 4, 16, 0),
        "png-grey-transparent.png": png(GREY, 8, 0, trns(u16(GREY[3, 4]))),
        "png-grey-16-transparent.png": png(GREY16, 16, 0, trns(u16(GREY16[3, 4]))),
        "png-grey-alpha.png": png(np.dstack([GREY, RAMP]), 8, 4),
        "png-rgb.png": png(RGB, 8, 2),
        "png-rgb-16.png": png(RGB16, 16, 2),
        "png-rgb-transparent.png": png(RGB, 8, 2, trns(u16(*RGB[3, 4]))),
        "png-rgb-16-transparent.png": png(RGB16, 16, 2, trns(u16(*RGB16[3, 4]))),
        "png-rgba.png": png(np.dstack([RGB, RAMP]), 8, 6),
        "png-rgba-16.png": png(np.dstack([RGB16, RAMP16]), 16, 6),
        "png-palette-transparent.png": png(GREY >> 4, 8, 3, palette(16), trns(bytes(range(0, 256, 17)))),
        "png-gamma.png": png(RGB, 8, 2, png_chunk(b"gAMA", struct.pack(">I", 100000))),
        "png-sbit.png": png(GREY16, 16, 0, png_chunk(b"sBIT", b"\x0c")),
        "png-animated.png": saved(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "png-animated-default.png": saved(
            frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True),
    }
    for depth in (1, 2, 4, 8):
        files[f"png-grey-{depth}.png"] = png(GREY >> (8 - depth), depth, 0)
        files[f"png-palette-{depth}.png"] = png(GREY >> (8 - depth), depth, 3, palette(2**depth))
    files["png-interlaced.png"] = interlaced(RGB)
    return files


def interlaced(pixels: np.ndarray) -> bytes:
    """A PNG by Adam7, 8-bit RGB."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b"".join(
        b"\0" + row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx] if row.size > 0)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    chunks = [png_chunk(b"IHDR", head), png_chunk(b"IDAT", zlib.compress(data)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def animated(form: str, **options) -> bytes:
    frames = [Image.fromarray(np.roll(smooth(), 5 * i, 1)) for i in range(3)]
    if form == "GIF":
        frames = [frame.convert("P") for frame in frames]
    return saved(frames[0], form, save_all=True, append_images=frames[1:], duration=100, **options)


def webp_offset_frame() -> bytes:
    """An animation whose first frame does not cover its canvas."""
    coded = saved(RGB, "WEBP", lossless=True)[12:]
    little = lambda *values: b"".join(struct.pack("<I", value)[:3] for value in values)
    canvas = struct.pack("<I", 0x12) + little(WIDTH + 7, HEIGHT + 5)
    frame = little(3, 2, WIDTH - 1, HEIGHT - 1, 100) + b"\0" + coded
    body = (b"WEBP" + webp_chunk(b"VP8X", canvas) + webp_chunk(b"ANIM", struct.pack("<IH", 0xFF0000FF, 0))
            + webp_chunk(b"ANMF", frame))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webps() -> dict[str, bytes]:
    rgba = np.dstack([smooth(), RAMP])
    return {
        "webp-lossy.webp": saved(smooth(), "WEBP", quality=90),
        "webp-lossless.webp": saved(RGB, "WEBP", lossless=True),
        "webp-alpha.webp": saved(rgba, "WEBP", quality=90),
        "webp-lossless-alpha.webp": saved(rgba, "WEBP", lossless=True, exact=True),
        "webp-animated.webp": animated("WEBP", lossless=True),
        "webp-animated-offset.webp": webp_offset_frame(),
    }


def gif(screen: tuple[int, int], at: tuple[int, int], transparent: bool = False) -> bytes:
    """A GIF whose frame lies anywhere on its screen."""
    image = Image.fromarray(RGB).quantize(16, dither=Image.Dither.NONE)
    whole = saved(image, "GIF", interlace=0)
    start = whole.rindex(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    table = whole[13:13 + 3 * (2 << (whole[10] & 7))]
    head = b"GIF89a" + struct.pack("<HH", *screen) + whole[10:11] + b"\x05\0" + table
    control = b"\x21\xf9\4\1\0\0\3\0" if transparent else b""
    return head + control + b"\x2c" + struct.pack("<HH", *at) + whole[start + 5:]


def gifs() -> dict[str, bytes]:
    return {
        "gif-plain.gif": gif((WIDTH, HEIGHT), (0, 0)),
        "gif-transparent.gif": gif((WIDTH, HEIGHT), (0, 0), transparent=True),
        "gif-offset.gif": gif((WIDTH + 9, HEIGHT + 6), (4, 3)),
        "gif-offset-transparent.gif": gif((WIDTH + 9, HEIGHT + 6), (4, 3), transparent=True),
        "gif-beyond-screen.gif": gif((WIDTH - 4, HEIGHT - 4), (0, 0)),
        "gif-common-screen.gif": gif((640, 480), (0, 0)),
        "gif-interlaced.gif": saved(Image.fromarray(RGB).quantize(16), "GIF", interlace=1),
        "gif-grey.gif": saved(GREY, "GIF"),
        "gif-animated.gif": animated("GIF"),
    }


def avifs() -> dict[str, bytes]:
    rgba = np.dstack([smooth(), RAMP])
    deep = lambda bits: imagecodecs.avif_encode(
        smooth().astype(np.uint16) << (bits - 8), level=95, bitspersample=bits, speed=8, numthreads=1)
    return {
        "avif-420.avif": avif(smooth(), subsampling="4:2:0"),
        "avif-444.avif": avif(smooth(), subsampling="4:4:4"),
        "avif-grey.avif": avif(GREY // 2 + 60),
        "avif-alpha.avif": avif(rgba, subsampling="4:4:4"),
        "avif-10.avif": deep(10),
        "avif-12.avif": deep(12),
        "avif-animated.avif": timeless(animated("AVIF", quality=95, speed=8, max_threads=1)),
    }


def timeless(data: bytes) -> bytes:
    """An animation without the times at which it and its tracks were made: two of 64 bits after version and flags."""
    timed = bytearray(data)
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        at = timed.index(name) + 4
        if timed[at] != 1:
            raise SystemExit("times of another length")
        timed[at + 4:at + 20] = bytes(16)
    return bytes(timed)


def tiffs() -> dict[str, bytes]:
    rgb = {"photometric": "rgb"}
    grey = {"photometric": "minisblack"}
    rgba = np.dstack([RGB, RAMP])
    cmyk = np.array(Image.fromarray(RGB).convert("CMYK"))
    ycbcr = np.array(Image.fromarray(smooth()).convert("YCbCr"))
    pillow = lambda image, **options: saved(image, "TIFF", **options)
    image = Image.fromarray(RGB)
    smoothed = Image.fromarray(smooth())
    floats = GREY.astype(np.float32)
    files = {
        "tiff-bilevel.tiff": pillow(image.convert("1")),
        "tiff-bilevel-white-0.tiff": pillow(image.convert("1"), tiffinfo={262: 0}),
        "tiff-fax.tiff": pillow(image.convert("1"), compression="group4"),
        "tiff-fax-3.tiff": pillow(image.convert("1"), compression="group3"),
        "tiff-fax-rle.tiff": pillow(image.convert("1"), compression="tiff_ccitt"),
        "tiff-old-jpeg.tiff": old_jpeg(),
        "tiff-grey.tiff": tiff(GREY, **grey),
        "tiff-grey-white-0.tiff": tiff(GREY, photometric="miniswhite"),
        "tiff-grey-2.tiff": tiff_packed(GREY, 2),
        "tiff-grey-4.tiff": tiff_packed(GREY, 4),
        "tiff-grey-12.tiff": tiff_packed(GREY16, 12),
        "tiff-grey-16.tiff": tiff(GREY16, **grey),
        "tiff-grey-16-white-0.tiff": tiff(GREY16, photometric="miniswhite"),
        "tiff-grey-16-big-endian.tiff": tiff(GREY16, byteorder=">", **grey),
        "tiff-grey-12-in-16.tiff": tiff(GREY16 >> 4, **grey),
        "tiff-grey-32.tiff": tiff(GREY16.astype(np.uint32) << 16, **grey),
        "tiff-grey-signed.tiff": tiff((GREY16 >> 1).astype(np.int16), **grey),
        "tiff-grey-signed-8.tiff": tiff((GREY >> 1).astype(np.int8), **grey),
        "tiff-float.tiff": tiff(floats, **grey),
        "tiff-float-to-1.tiff": tiff(floats / 255, **grey),
        "tiff-float-rgb.tiff": tiff(RGB.astype(np.float32) / 255, **rgb),
        "tiff-float-16.tiff": tiff((floats / 255).astype(np.float16), **grey),
        "tiff-double.tiff": tiff(floats.astype(np.float64), **grey),
        "tiff-grey-alpha.tiff": tiff(np.dstack([GREY, RAMP]), extrasamples=["unassalpha"], **grey),
        "tiff-grey-more.tiff": tiff(np.dstack([GREY, RAMP]), extrasamples=["unspecified"], **grey),
        "tiff-palette.tiff": pillow(image.quantize(16)),
        "tiff-rgb.tiff": tiff(RGB, **rgb),
        "tiff-rgb-big.tiff": tiff(RGB, bigtiff=True, **rgb),
        "tiff-rgb-16.tiff": tiff(RGB16, **rgb),
        "tiff-rgb-planes.tiff": tiff(RGB.transpose(2, 0, 1).copy(), planarconfig="separate", **rgb),
        "tiff-rgb-tiles.tiff": tiff(RGB, tile=(16, 16), compression="zlib", predictor=True, **rgb),
        "tiff-rgba.tiff": tiff(rgba, extrasamples=["unassalpha"], **rgb),
        "tiff-rgba-16.tiff": tiff(np.dstack([RGB16, RAMP16]), extrasamples=["unassalpha"], **rgb),
        "tiff-rgba-premultiplied.tiff": tiff(
            np.dstack([(RGB * (RAMP[..., None] / 255)).astype(np.uint8), RAMP]), extrasamples=["assocalpha"], **rgb),
        "tiff-rgbx.tiff": tiff(rgba, extrasamples=["unspecified"], **rgb),
        "tiff-rgb-alpha-more.tiff": tiff(
            np.dstack([rgba, GREY]), extrasamples=["unassalpha", "unspecified"], **rgb),
        "tiff-rgb-webp.tiff": tiff(RGB, compression="webp", compressionargs={"lossless": True}, **rgb),
        "tiff-two-pages.tiff": pillow(image, save_all=True, append_images=[image.rotate(180)]),
        "tiff-cmyk.tiff": tiff(cmyk, photometric="separated"),
        "tiff-cmyk-16.tiff": tiff(cmyk.astype(np.uint16) * 251 + 77, photometric="separated"),
        "tiff-cmyk-more.tiff": tiff(np.dstack([cmyk, RAMP]), photometric="separated", extrasamples=["unspecified"]),
        "tiff-cmyk-jpeg.tiff": pillow(smoothed.convert("CMYK"), compression="jpeg"),
        "tiff-inks.tiff": tiff(cmyk, photometric="separated", extratags=[(332, 3, 1, 2, False)]),
        "tiff-ycbcr.tiff": tiff(ycbcr, photometric="ycbcr"),
        "tiff-ycbcr-lzw.tiff": tiff(ycbcr, photometric="ycbcr", compression="lzw"),
        "tiff-ycbcr-jpeg.tiff": pillow(smoothed, compression="jpeg"),
        "tiff-ycbcr-jpeg-tiles.tiff": tiff(smooth(), photometric="ycbcr", compression="jpeg", tile=(16, 16),
                                           subsampling=(2, 2)),
        "tiff-rgb-jpeg.tiff": tiff(smooth(), compression="jpeg", compressionargs={"level": 92}, **rgb),
        "tiff-grey-jpeg.tiff": tiff(GREY // 2, compression="jpeg", compressionargs={"level": 92}, **grey),
        "tiff-lab.tiff": tiff(RGB, photometric="cielab"),
        "tiff-lab-icc.tiff": tiff(RGB, photometric="icclab"),
        "tiff-lab-itu.tiff": tiff(RGB, photometric="itulab"),
        "tiff-logluv.tiff": tiff(RGB, photometric="logluv"),
        "tiff-mosaic.tiff": tiff(GREY, photometric="cfa"),
        "tiff-mask.tiff": tiff(GREY, photometric="mask"),
    }
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate", "zstd", "lzma"):
        name = compression.replace("tiff_", "").replace("_", "-")
        files[f"tiff-rgb-{name}.tiff"] = pillow(image, compression=compression)
    return files


def old_jpeg() -> bytes:
    """A TIFF of version 6.0's first kind of JPEG: a whole file, to which tags of its own point."""
    jpeg = saved(smooth(), "JPEG", quality=92, subsampling="4:4:4")
    scan = jpeg.index(b"\xff\xda") + 2
    scan += int.from_bytes(jpeg[scan:scan + 2], "big")
    start = 8 + 2 + 12 * 12 + 4
    return directory([(256, WIDTH), (257, HEIGHT), (258, 8), (259, 6), (262, 6), (273, start + scan), (277, 3),
                      (278, HEIGHT), (279, len(jpeg) - scan - 2), (512, 1), (513, start), (514, len(jpeg))], jpeg)


def directory(tags: list[tuple[int, int]], data: bytes) -> bytes:
    """A TIFF of one directory of numbers, and the data behind it."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + data


def tiff_packed(pixels: np.ndarray, depth: int) -> bytes:
    """A grey TIFF of the high `depth` bits of every sample, packed."""
    high = pixels >> (pixels.dtype.itemsize * 8 - depth)
    bits = (high[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
    data = b"".join(np.packbits(row.reshape(-1)).tobytes() for row in bits)
    return directory([(256, WIDTH), (257, HEIGHT), (258, depth), (259, 1), (262, 1), (273, 8 + 2 + 9 * 12 + 4), (277, 1),
                      (278, HEIGHT), (279, len(data))], data)


# --- Answers ---

def over_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def high_byte(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.array(image) >> 8).astype(np.uint8)).convert("RGB")


# How Pillow is asked, by the judge that kinds.json names.
JUDGES = {
    "rgb": lambda image: ImageOps.exif_transpose(image).convert("RGB"),
    "white": lambda image: over_white(ImageOps.exif_transpose(image)),
    "high": lambda image: high_byte(ImageOps.exif_transpose(image)),
    "stored": lambda image: image.convert("RGB"),
}


def samples() -> dict[str, np.ndarray]:
    """The RGB of files that Pillow does not read as they are meant, from the samples that were put into them."""
    grey = lambda pixels: np.repeat(pixels[:, :, None], 3, 2)
    framed = np.zeros((HEIGHT + 6, WIDTH + 9, 3), np.uint8)
    framed[3:3 + HEIGHT, 4:4 + WIDTH] = gif_pixels()
    return {
        "png-grey-16-transparent.png": grey(np.where(GREY16 == GREY16[3, 4], 255, GREY16 >> 8)),
        "png-rgb-16-transparent.png": np.where((RGB16 == RGB16[3, 4]).all(-1, keepdims=True), 255, RGB16 >> 8),
        "gif-offset.gif": framed,
        "gif-common-screen.gif": gif_pixels(),
        "tiff-grey-16-white-0.tiff": grey((65535 - GREY16) >> 8),
        "tiff-grey-more.tiff": grey(GREY),
        "tiff-rgb-webp.tiff": RGB,
    }


def gif_pixels() -> np.ndarray:
    return np.array(Image.open(io.BytesIO(gif((WIDTH, HEIGHT), (0, 0)))).convert("RGB"))


def answer(name: str, data: bytes, kind: dict) -> dict:
    """The pixels that the server must make of a file; for those that it refuses, what Pillow makes of it."""
    if kind["judge"] == "refused":
        try:
            image = Image.open(io.BytesIO(data))
            image.convert("RGB")
            return {"pillow": f"reads mode {image.mode}"}
        except Exception as error:  # Whatever Pillow raises is its answer.
            return {"pillow": f"refuses: {str(error).split(' <')[0]}"}
    if kind["judge"] == "samples":
        pixels = Image.fromarray(samples()[name].astype(np.uint8))
    else:
        pixels = JUDGES[kind["judge"]](Image.open(io.BytesIO(data)))
    rgb = pixels.tobytes()
    size = {"width": pixels.width, "height": pixels.height}
    if kind.get("within"):
        return {**size, "rgb": base64.b64encode(rgb).decode()}
    return {**size, "sha256": hashlib.sha256(rgb).hexdigest()}


# --- Crops of whole photographs ---

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
# Tall, wide, turned, mirrored and nearly square. Pictures more than twice as tall as wide Pillow 13 resizes in another order.
PHOTOS = {
    "tall.jpg": (160, 415, 1),
    "wide.jpg": (415, 160, 1),
    "turned.jpg": (415, 160, 6),
    "mirrored.jpg": (160, 415, 7),
    "square.jpg": (151, 150, 1),
}
# Shorter side, crop, padding.
CROPS = [(32, 28, 0), (32, 32, 1), (32, 32, 4), (33, 32, 3), (64, 56, 0), (40, 33, 1)]


def photo(width: int, height: int, orientation: int) -> bytes:
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    bands = [128 + 60 * np.sin((x * (c + 2) + y * (5 - c)) / 17) + (x // 20 + y // 14) % 2 * 60 - 30 for c in range(3)]
    data = Image.Exif()
    data[0x112] = orientation
    return saved(np.stack(bands, axis=-1).clip(0, 255).astype(np.uint8), "JPEG", quality=30, exif=data)


def ten_crops(image: Image.Image, size: int, crop: int, padding: int, resample: int) -> list[Image.Image]:
    """torchvision's Resize(size), Pad(padding) and TenCrop(crop)."""
    short = min(image.size)
    resized = image.resize(tuple(int(size * side / short) for side in image.size), resample)
    padded = ImageOps.expand(resized, padding)

    def five(picture: Image.Image) -> list[Image.Image]:
        right, bottom = picture.width - crop, picture.height - crop
        corners = [(0, 0), (right, 0), (0, bottom), (right, bottom), (int(round(right / 2.0)), int(round(bottom / 2.0)))]
        return [picture.crop((x, y, x + crop, y + crop)) for x, y in corners]

    return five(padded) + five(ImageOps.mirror(padded))


def centre_crop(image: Image.Image, size: int, crop: int, resample: int) -> Image.Image:
    """torchvision's Resize(size) and CenterCrop(crop)."""
    short = min(image.size)
    resized = image.resize(tuple(int(size * side / short) for side in image.size), resample)
    left, top = round((resized.width - crop) / 2), round((resized.height - crop) / 2)
    return resized.crop((left, top, left + crop, top + crop))


def crops_of(data: bytes) -> list[dict]:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    sha256 = lambda crop: hashlib.sha256(crop.tobytes()).hexdigest()
    return [
        {"filter": name, "size": size, "crop": crop, "padding": padding,
         "centre": sha256(centre_crop(image, size, crop, resample)),
         "ten": [sha256(view) for view in ten_crops(image, size, crop, padding, resample)]}
        for name, resample in FILTERS.items() for size, crop, padding in CROPS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of kinds.json, where to write")
    folder = parser.parse_args().folder
    if int(PIL.__version__.split(".")[0]) > 12:
        raise SystemExit(f"needs Pillow 12 or older, not {PIL.__version__}: the networks were measured with its order of passes")
    kinds = json.loads((folder / "kinds.json").read_text())["kinds"]
    files = {**jpegs(), **pngs(), **webps(), **gifs(), **avifs(), **tiffs(), **orientations()}
    wanted = {name: kind for kind in kinds for name in kind["files"]}
    if sorted(wanted) != sorted(files):
        raise SystemExit(f"only in kinds.json or only made: {sorted(set(wanted) ^ set(files))}")
    photos = {name: photo(*parts) for name, parts in PHOTOS.items()}
    for name, data in {**files, **photos}.items():
        (folder / name).write_bytes(data)
    reference = {"pillow": PIL.__version__,
                 "files": {name: answer(name, files[name], wanted[name]) for name in sorted(files)},
                 "crops": {name: crops_of(data) for name, data in photos.items()}}
    (folder / "reference.json").write_text(json.dumps(reference, indent=2) + "\n")


if __name__ == "__main__":
    main()
