/** The pixels of a picture's views, as renderViews makes them. */
export interface Pixels {
  /** Tells them from others. */
  id: number;
  data: Uint8Array<ArrayBuffer>;
  /** Number of views. */
  rows: number;
}

/** What a network is to run on: some rows of the pixels of views. */
export interface RunInput {
  pixels: Pixels;
  from: number;
  rows: number;
  /** Whether it takes all of these pixels and nothing else does: they are then gone afterwards. */
  whole?: boolean;
}

/** The same, as it goes to a lane. */
export interface Rows {
  /** Tells them from others. */
  name: string;
  data: Uint8Array<ArrayBuffer>;
  rows: number;
}

let lastId = 0;

/** Pixels of so many views, told from all others. */
export function pixelsOf(data: Uint8Array<ArrayBuffer>, rows: number): Pixels {
  return { id: ++lastId, data, rows };
}

/**
 * The rows of an input in memory that can move to another thread. Where it has to be copied, that takes microseconds; memory
 * shared by all threads does not count when the garbage collector decides whether to run, and would pile up.
 */
export function rowsOf({ pixels: { id, data, rows: all }, from, rows, whole }: RunInput): Rows {
  const length = data.length / all;
  const own = whole ? data : data.slice(from * length, (from + rows) * length);
  return { name: `${id}:${from}:${rows}`, data: own, rows };
}
