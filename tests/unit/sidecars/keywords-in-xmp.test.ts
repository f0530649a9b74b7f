import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { withKeywords } from '../../../src/sidecars/keywords-in-xmp.js';

const CAT = { keywords: ['cat', 'tabby'], picture: 'a.jpg', model: 'net fp32 1' };

/** As digiKam writes it, with much that is not ours. */
const FOREIGN = `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <!-- by hand -->
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmp:Rating="4" xmlns:xmp="http://ns.adobe.com/xap/1.0/" crs:Note='a "b" &amp; &#10;c'>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>holiday</rdf:li>
     <rdf:li>cat</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <digiKam:TagsList><rdf:Seq><rdf:li>Animals/cat</rdf:li></rdf:Seq></digiKam:TagsList>
   <crs:Raw><![CDATA[1 < 2]]></crs:Raw>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`;

const wordsIn = (xmp = '') => {
  const [, list = ''] = /<dc:subject>([\s\S]*?)<\/dc:subject>/.exec(xmp) ?? [];
  return [...list.matchAll(/<rdf:li>(.*?)<\/rdf:li>/g)].map(([, word]) => word);
};

describe('keywords', () => {
  test('begin a document, and the same again changes nothing', () => {
    const first = withKeywords(undefined, CAT);
    expect(wordsIn(first)).toEqual(['cat', 'tabby']);
    expect(withKeywords(first, CAT)).toBeUndefined();
    expect(withKeywords(undefined, { ...CAT, keywords: [] })).toBeUndefined();
  });

  test('that were there earlier by others stay, and are not taken for ours', () => {
    const first = withKeywords(FOREIGN, CAT);
    expect(wordsIn(first)).toEqual(['holiday', 'cat', 'tabby']);
    expect(withKeywords(first, CAT)).toBeUndefined();
    const second = withKeywords(first, { ...CAT, keywords: ['dog'], model: 'other' });
    expect(wordsIn(second)).toEqual(['holiday', 'cat', 'dog']);
    // Without ours it is as it was before, blanks apart.
    const none = withKeywords(second, { ...CAT, keywords: [] });
    const plain = (text = '') =>
      text.replace(/\s+/g, ' ').replaceAll('\'a "b" &amp; &#10;c\'', '"a &quot;b&quot; &amp; &#10;c"');
    expect(plain(none)).toBe(plain(FOREIGN));
  });

  test('of ours are known in the form that other programs write', () => {
    const attributes = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:m="urn:menagerie:xmp:1#" m:Picture="a.jpg" m:Model="net fp32 1">
<m:Keywords><rdf:Bag><rdf:li>cat</rdf:li><rdf:li>tabby</rdf:li></rdf:Bag></m:Keywords>
<dc:subject><rdf:Bag><rdf:li>cat</rdf:li><rdf:li>tabby</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>`;
    expect(withKeywords(attributes, CAT)).toBeUndefined();
    expect(wordsIn(withKeywords(attributes, { ...CAT, keywords: ['dog'] }))).toEqual(['dog']);
    expect(withKeywords(attributes, { ...CAT, keywords: [] })).not.toMatch(/subject|m:Model|cat/);
  });

  test('are written so that any label is well-formed', () => {
    const odd = withKeywords(undefined, { ...CAT, keywords: ['a<b&c]]>', '\u0000\ud800', ' ', 'x', 'x'] });
    expect(wordsIn(odd)).toEqual(['a&lt;b&amp;c]]&gt;', '\ufffd', 'x']);
  });
});

const rdf = (inner: string) =>
  `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">${inner}</rdf:RDF>`;
const described = (inner: string) => rdf(`<rdf:Description rdf:about="">${inner}</rdf:Description>`);

describe('a document is refused', () => {
  test.each([
    ['with a DTD', `<!DOCTYPE a [<!ENTITY b "c">]>${described('')}`, /DTD/],
    ['that ends early', described('').slice(0, -5), /well-formed/],
    ['with an attribute without quotes', described('<dc:a b=c/>'), /well-formed/],
    ['with a prefix of nobody', described('<no:a/>'), /well-formed/],
    ['that is empty', '', /well-formed/],
    ['that is no XMP', '<svg/>', /not XMP/],
    ['with two subjects', described('<dc:subject/><dc:subject/>'), /subject/],
    ['with a subject that is no list', described('<dc:subject>cat</dc:subject>'), /subject/],
    ['with a subject that is an attribute', rdf('<rdf:Description rdf:about="" dc:subject="a"/>'), /subject/],
    [
      'with items that are no text',
      described('<dc:subject><rdf:Bag><rdf:li><a/></rdf:li></rdf:Bag></dc:subject>'),
      /subject/,
    ],
  ])('%s', (_, text, reason) => {
    expect(() => withKeywords(text, CAT)).toThrow(reason);
  });

  test('if it has the keywords of another picture', () => {
    const other = withKeywords(undefined, { ...CAT, picture: 'a.png' });
    expect(() => withKeywords(other, CAT)).toThrow('it has the keywords of a.png');
  });
});

function has(program: string): boolean {
  try {
    execFileSync(program, ['-ver'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!has('exiftool'))('exiftool (skipped where it is not installed)', () => {
  const read = (xmp: string | undefined) =>
    JSON.parse(execFileSync('exiftool', ['-j', '-struct', '-'], { input: xmp, encoding: 'utf8' }))[0];
  test('reads the keywords, and everything else as before', () => {
    expect(read(withKeywords(undefined, CAT))).toMatchObject({ Subject: ['cat', 'tabby'] });
    const { Subject: before, FileSize: _, ...rest } = read(FOREIGN);
    const after = read(withKeywords(FOREIGN, CAT));
    expect([before, after.Subject]).toEqual([
      ['holiday', 'cat'],
      ['holiday', 'cat', 'tabby'],
    ]);
    const { SourceFile: _source, FileSize: _size, ...kept } = rest;
    expect(after).toMatchObject(kept);
  });
});
