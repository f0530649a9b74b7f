import { DOMParser, type Document, type Element, onWarningStopParsing, XMLSerializer } from '@xmldom/xmldom';

// XMP (ISO 16684-1) is RDF in XML. Keywords are the items of `dc:subject`, an rdf:Bag. What was added by menagerie is written down beside
// them in properties of its own, so that it can be told from the keywords of others and be replaced.

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
const DC = 'http://purl.org/dc/elements/1.1/';
const OWN = 'urn:menagerie:xmp:1#';

const EMPTY = `<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="menagerie">
 <rdf:RDF xmlns:rdf="${RDF}">
  <rdf:Description rdf:about="" xmlns:dc="${DC}" xmlns:menagerie="${OWN}">
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
`;

/** The keywords of a picture, and where they come from. */
export interface Labelled {
  keywords: readonly string[];
  /** Name of the picture's file, without folders. */
  picture: string;
  /** The networks that gave the keywords. */
  model: string;
}

/** A document that cannot be changed safely. The message says why, in the form that `reasonOf` gives system errors. */
export class RefusedXmp extends Error {
  override readonly name = 'RefusedXmp';
}

/**
 * Puts keywords into an XMP document. Those that menagerie put there earlier are replaced; those of others, and everything else, stay.
 * @param existing the document; undefined if there is none
 * @returns the new document, or undefined if it would say the same
 * @throws RefusedXmp if the document is not well-formed, has a DTD, is of another picture, or has keywords in an unknown form
 */
export function withKeywords(existing: string | undefined, labelled: Labelled): string | undefined {
  const document = parse(existing ?? EMPTY);
  const descriptions = descriptionsOf(document);
  const subject = findProperty(descriptions, DC, 'subject');
  const items = itemsOf(subject);
  const own = findProperty(descriptions, OWN, 'Keywords');
  const earlier = itemsOf(own).map(textOf);
  const before = { picture: simpleValue(descriptions, 'Picture'), model: simpleValue(descriptions, 'Model') };
  if (before.picture !== undefined && before.picture !== labelled.picture) {
    throw new RefusedXmp(`it has the keywords of ${before.picture}`);
  }
  const present = items.map(textOf);
  const others = new Set(present.filter((keyword) => !earlier.includes(keyword)));
  const added = [...new Set(labelled.keywords.map(wellFormed))].filter((word) => word !== '' && !others.has(word));
  if (added.length === 0 && earlier.length === 0) return undefined;
  const same =
    added.length === earlier.length && added.every((word, i) => word === earlier[i] && present.includes(word));
  if (same && before.model === labelled.model) return undefined;

  for (const item of items) if (earlier.includes(textOf(item))) removeWithBlank(item);
  for (const name of ['Keywords', 'Picture', 'Model']) removeProperty(descriptions, name);
  if (added.length > 0) {
    const holder = holderOf(subject) ?? descriptions[0] ?? addDescription(document);
    addItems(subject ?? addElement(holder, DC, 'dc:subject'), added);
    addItems(addElement(holder, OWN, 'menagerie:Keywords'), added);
    addElement(holder, OWN, 'menagerie:Model').textContent = wellFormed(labelled.model);
    addElement(holder, OWN, 'menagerie:Picture').textContent = labelled.picture;
  } else if (subject && itemsOf(subject).length === 0) removeWithBlank(subject);
  return new XMLSerializer().serializeToString(document);
}

function parse(text: string): Document {
  // Entities are only expanded where a DTD defines them, and XMP has none.
  if (/<!DOCTYPE/i.test(text)) throw new RefusedXmp('it has a DTD');
  try {
    return new DOMParser({ onError: onWarningStopParsing }).parseFromString(text, 'text/xml');
  } catch (error) {
    throw new RefusedXmp('it is not well-formed XML', { cause: error });
  }
}

function descriptionsOf(document: Document): Element[] {
  const [rdf, ...others] = document.getElementsByTagNameNS(RDF, 'RDF');
  if (!rdf || others.length > 0) throw new RefusedXmp('it is not XMP: there must be one rdf:RDF');
  return childrenOf(rdf).filter((child) => isNamed(child, RDF, 'Description'));
}

/** The only property of a name, if there is one. */
function findProperty(descriptions: readonly Element[], space: string, name: string): Element | undefined {
  const [found, ...others] = descriptions.flatMap((one) =>
    childrenOf(one).filter((child) => isNamed(child, space, name)),
  );
  const asAttribute = descriptions.some((one) => one.hasAttributeNS(space, name));
  if (others.length > 0 || asAttribute) throw new RefusedXmp(`its ${name} is in no form that XMP knows`);
  return found;
}

/** The items of a property that is a list. */
function itemsOf(property: Element | undefined): Element[] {
  if (!property) return [];
  const [list, ...others] = childrenOf(property);
  const items = list ? childrenOf(list) : [];
  const isList = list && ['Bag', 'Seq', 'Alt'].some((kind) => isNamed(list, RDF, kind));
  const plain = items.every((item) => isNamed(item, RDF, 'li') && childrenOf(item).length === 0);
  if ((list && !isList) || others.length > 0 || !plain || (!list && textOf(property) !== '')) {
    throw new RefusedXmp(`its ${property.localName} is in no form that XMP knows`);
  }
  return items;
}

/** A property of ours that is text: an element, or an attribute, as Adobe's programs write it. */
function simpleValue(descriptions: readonly Element[], name: string): string | undefined {
  for (const one of descriptions) {
    const element = childrenOf(one).find((child) => isNamed(child, OWN, name));
    if (element) return textOf(element);
    if (one.hasAttributeNS(OWN, name)) return one.getAttributeNS(OWN, name) ?? undefined;
  }
  return undefined;
}

function removeProperty(descriptions: readonly Element[], name: string): void {
  for (const one of descriptions) {
    one.removeAttributeNS(OWN, name);
    for (const child of childrenOf(one)) if (isNamed(child, OWN, name)) removeWithBlank(child);
  }
}

function holderOf(property: Element | undefined): Element | undefined {
  const parent = property?.parentNode;
  return parent && isElement(parent) ? parent : undefined;
}

function addDescription(document: Document): Element {
  const [rdf] = document.getElementsByTagNameNS(RDF, 'RDF');
  if (!rdf) throw new RefusedXmp('it is not XMP');
  const description = addElement(rdf, RDF, 'rdf:Description');
  description.setAttributeNS(RDF, 'rdf:about', '');
  return description;
}

function addItems(property: Element, words: readonly string[]): void {
  const list = childrenOf(property)[0] ?? addElement(property, RDF, 'rdf:Bag');
  for (const word of words) addElement(list, RDF, 'rdf:li').textContent = word;
}

/** Adds a child on a line of its own, indented by its depth. */
function addElement(parent: Element, space: string, name: string): Element {
  const document = parent.ownerDocument;
  if (!document) throw new Error('an element without a document');
  let depth = 0;
  for (let above = parent.parentNode; above; above = above.parentNode) depth++;
  const element = document.createElementNS(space, name);
  const { lastChild } = parent;
  // The blank before the end of the parent stays there.
  const end = lastChild && lastChild.nodeType === lastChild.TEXT_NODE && textOf(lastChild) === '' ? lastChild : null;
  parent.insertBefore(document.createTextNode(`\n${' '.repeat(depth)}`), end);
  parent.insertBefore(element, end);
  if (!end) parent.appendChild(document.createTextNode(`\n${' '.repeat(depth - 1)}`));
  return element;
}

/** Removes an element and the blank before it. */
function removeWithBlank(element: Element): void {
  const { previousSibling, parentNode } = element;
  if (previousSibling?.nodeType === element.TEXT_NODE && textOf(previousSibling) === '') {
    parentNode?.removeChild(previousSibling);
  }
  parentNode?.removeChild(element);
}

function childrenOf(parent: Element): Element[] {
  return [...parent.childNodes].filter(isElement);
}

function isElement(node: { nodeType: number }): node is Element {
  return node.nodeType === 1;
}

function isNamed(element: Element, space: string, name: string): boolean {
  return element.namespaceURI === space && element.localName === name;
}

function textOf(node: { textContent: string | null }): string {
  return (node.textContent ?? '').trim();
}

/** Text without the characters that XML cannot hold (XML 1.0, 2.2). */
function wellFormed(text: string): string {
  const valid = Buffer.from(text).toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removes them
  return valid.replace(/[\u0000-\u001f\ufffe\uffff]/g, ' ').trim();
}
