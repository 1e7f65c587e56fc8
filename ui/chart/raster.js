// Lines and areas as pixels, without the canvas' own strokes: where there is no GPU, stroking a hundred noisy lines takes
// seconds.
//
// The picture is a buffer of columns. What a line covers is a few runs of heights in each column of pixels (`pen.js`). The three
// runs of a column make its rows either whole, which is a `fill`, or parts of thirds, which are blended. Of many lines halves do,
// which blend without a multiplication, and of very many whole columns without blending. What nearer lines hide isn't painted, so
// that the work is bounded by pixels, whatever the data, and the same on every machine: tests can compare pictures.

import { EDGES, Pen, SUB } from "./pen.js";

/** How many columns are worked out at a time: lines that many screens hold take no more room for it. */
const TILE = 128;
/** Up to so many rows are blended one by one. */
const SHORT = 8;

/** @typedef {number} Colour four bytes as the picture has them: alpha, blue, green, red from the top */

/**
 * A colour from its channels of 0 to 255.
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 * @param {number} [alpha]
 * @returns {Colour}
 */
export function colour(red, green, blue, alpha = 255) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * `share` of 256 parts of `over`, the rest of `under`; opaque.
 * @param {Colour} under
 * @param {Colour} over
 * @param {number} share
 */
export function mix(under, over, share) {
  const rest = 256 - share;
  const odd = (Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, share)) >>> 8;
  const even = Math.imul((under >>> 8) & 0xff, rest) + Math.imul((over >>> 8) & 0xff, share);
  return (0xff000000 | (odd & 0xff00ff) | (even & 0xff00)) >>> 0;
}

export class Raster {
  /**
   * @param {number} width in device pixels
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
    this.pen = new Pen(width, height);
    /** The edges of a pixel's column while it is blended, and whether a run begins or ends there. */
    this.edges = new Float64Array(EDGES);
    this.steps = new Int32Array(EDGES);
    /** Whether pixels are see-through but for one line: its colour with the covered share as alpha. */
    this.clear = false;
  }

  /**
   * Paints everything; 0 makes it see-through.
   * @param {Colour} ground
   */
  fill(ground) {
    this.pixels.fill(ground);
    this.clear = ground === 0;
  }

  /** @param {number} y @param {Colour} ink */
  row(y, ink) {
    if (y < 0 || y >= this.height) return;
    for (let at = y; at < this.pixels.length; at += this.height) this.pixels[at] = ink;
  }

  /** @param {number} x @param {Colour} ink */
  column(x, ink) {
    if (x >= 0 && x < this.width) this.pixels.fill(ink, x * this.height, (x + 1) * this.height);
  }

  /**
   * A line through evenly spaced points.
   * @param {Float64Array | Float32Array} ys heights in pixels from the top; NaN is a gap
   * @param {number} x0 where the first is
   * @param {number} dx how far they are apart
   * @param {Colour} ink
   * @param {number} radius of the pen
   * @param {number} [sub] runs in each pixel's width: 3, 2 of many lines, 1 of very many
   */
  line(ys, x0, dx, ink, radius, sub = SUB) {
    this.strokes([{ ys, x0, dx, ink, radius, sub }]);
  }

  /**
   * Lines, the farthest first. What nearer ones hide isn't painted: of a hundred noisy lines that is nearly everything.
   * @param {import("./pen.js").Stroke[]} strokes
   */
  strokes(strokes) {
    const { pen } = this;
    const ends = new Int32Array(strokes.length + 1);
    pen.clear();
    for (let left = 0; left < this.width; left += TILE) {
      const right = Math.min(left + TILE, this.width);
      pen.count = 0;
      for (let i = strokes.length - 1; i >= 0; i -= 1) {
        pen.collect(strokes[i], left, right);
        ends[i] = pen.count;
      }
      for (let i = 0; i < strokes.length; i += 1) {
        const { ink, sub } = strokes[i];
        if (ends[i] === ends[i + 1]) continue;
        if (sub === 1) this.columns(ends[i + 1], ends[i], ink);
        else this.blend(ends[i + 1], ends[i], ink, sub);
      }
    }
  }

  /**
   * Paints collected runs of whole columns.
   * @param {number} begin the first span
   * @param {number} end the one after the last
   * @param {Colour} ink
   */
  columns(begin, end, ink) {
    const { height } = this;
    const { columns, edges } = this.pen;
    for (let span = begin; span < end; span += 1) {
      const column = columns[span] * height;
      this.paint(column + edges[span * EDGES], column + edges[span * EDGES + 1], ink, 256);
    }
  }

  /**
   * Blends collected runs of pixels' columns. Their six edges are walked from the top: between two of them the same number of
   * runs covers every row, and a row that holds an edge collects the parts.
   * @param {number} begin the first span
   * @param {number} end the one after the last
   * @param {Colour} ink
   * @param {number} sub
   */
  blend(begin, end, ink, sub) {
    const { height, pixels, edges, steps, pen } = this;
    const plain = !this.clear;
    const part = 256 / sub;
    const opaque = ink & 0xffffff;
    for (let span = begin; span < end; span += 1) {
      if (sub === 2 && plain && this.short(span, ink)) continue;
      let count = 0;
      // Edges in order: a few that are nearly sorted, so that inserting each takes next to no moves.
      for (let k = span * EDGES; k < span * EDGES + 2 * sub; k += 2) {
        const top = pen.edges[k];
        const bottom = pen.edges[k + 1];
        if (!(top < bottom)) continue;
        let at = count;
        while (at > 0 && edges[at - 1] > top) {
          edges[at] = edges[at - 1];
          steps[at] = steps[at - 1];
          at -= 1;
        }
        edges[at] = top;
        steps[at] = 1;
        at = count + 1;
        while (at > 0 && edges[at - 1] > bottom) {
          edges[at] = edges[at - 1];
          steps[at] = steps[at - 1];
          at -= 1;
        }
        edges[at] = bottom;
        steps[at] = -1;
        count += 2;
      }
      const column = pen.columns[span] * height;
      let y = edges[0];
      let row = y | 0;
      let level = 0;
      let sum = 0;
      for (let at = 0; at < count; at += 1) {
        const edge = edges[at];
        const next = edge | 0;
        if (next === row) sum += level * (edge - y);
        else {
          sum += level * (row + 1 - y);
          const share = (sum * part + 0.5) | 0;
          if (share > 0) {
            if (plain && share < 256) pixels[column + row] = mix(pixels[column + row], ink, share);
            else this.paint(column + row, column + row + 1, ink, share);
          }
          if (level > 0 && next > row + 1) {
            if (plain && sub === 2 && level === 1) {
              // The mean of each channel at once.
              for (let i = column + row + 1; i < column + next; i += 1) {
                const under = pixels[i];
                pixels[i] = 0xff000000 | ((under & opaque) + (((under ^ opaque) & 0xfefefe) >>> 1));
              }
            } else this.paint(column + row + 1, column + next, ink, (level * part + 0.5) | 0);
          }
          row = next;
          sum = level * (edge - next);
        }
        y = edge;
        level += steps[at];
      }
      const share = (sum * part + 0.5) | 0;
      if (share > 0 && row < height) this.paint(column + row, column + row + 1, ink, share);
    }
  }

  /**
   * Blends two runs of a few rows, row by row: what most lines are made of. Answers whether they were so few.
   * @param {number} span
   * @param {Colour} ink
   */
  short(span, ink) {
    const { pixels, pen } = this;
    const { edges } = pen;
    const at = span * EDGES;
    const top1 = edges[at];
    const bottom1 = edges[at + 1];
    const top2 = edges[at + 2];
    const bottom2 = edges[at + 3];
    if (!(top1 < bottom1 && top2 < bottom2)) return false;
    const top = top1 < top2 ? top1 : top2;
    const bottom = bottom1 > bottom2 ? bottom1 : bottom2;
    if (bottom - top > SHORT) return false;
    const column = pen.columns[span] * this.height;
    const odd = ink & 0xff00ff;
    const even = (ink >>> 8) & 0xff;
    for (let row = top | 0; row < bottom; row += 1) {
      const next = row + 1;
      const part1 = (bottom1 < next ? bottom1 : next) - (top1 > row ? top1 : row);
      const part2 = (bottom2 < next ? bottom2 : next) - (top2 > row ? top2 : row);
      const share = ((part1 > 0 ? part1 * 128 : 0) + (part2 > 0 ? part2 * 128 : 0) + 0.5) | 0;
      const rest = 256 - share;
      const under = pixels[column + row];
      const mixedOdd = (Math.imul(under & 0xff00ff, rest) + Math.imul(odd, share)) >>> 8;
      const mixedEven = Math.imul((under >>> 8) & 0xff, rest) + Math.imul(even, share);
      pixels[column + row] = 0xff000000 | (mixedOdd & 0xff00ff) | (mixedEven & 0xff00);
    }
    return true;
  }

  /**
   * Paints some pixels of a column, covered by `share` of 256.
   * @param {number} from
   * @param {number} to
   * @param {Colour} ink
   * @param {number} share
   */
  paint(from, to, ink, share) {
    const { pixels } = this;
    if (share >= 256) {
      // Below this a loop is done before the call is made.
      if (to - from > 24) pixels.fill(ink, from, to);
      else for (let i = from; i < to; i += 1) pixels[i] = ink;
    } else if (this.clear) {
      for (let i = from; i < to; i += 1) {
        const alpha = Math.min(255, (pixels[i] >>> 24) + share);
        pixels[i] = ((ink & 0xffffff) | (alpha << 24)) >>> 0;
      }
    } else {
      const rest = 256 - share;
      const inkOdd = Math.imul(ink & 0xff00ff, share);
      const inkEven = Math.imul((ink >>> 8) & 0xff, share);
      for (let i = from; i < to; i += 1) {
        const under = pixels[i];
        const odd = (Math.imul(under & 0xff00ff, rest) + inkOdd) >>> 8;
        const even = Math.imul((under >>> 8) & 0xff, rest) + inkEven;
        pixels[i] = 0xff000000 | (odd & 0xff00ff) | (even & 0xff00);
      }
    }
  }

  /**
   * The area between two lines through evenly spaced points.
   * @param {Float64Array} tops heights in pixels
   * @param {Float64Array} bottoms
   * @param {number} x0
   * @param {number} dx
   * @param {Colour} ink
   * @param {number} share of 256
   */
  area(tops, bottoms, x0, dx, ink, share) {
    const { width, height } = this;
    for (let x = Math.max(0, Math.floor(x0)); x < width; x += 1) {
      const place = (x + 0.5 - x0) / dx;
      const i = Math.max(0, Math.floor(place));
      if (i >= tops.length - 1) break;
      const part = Math.max(0, place - i);
      const top = tops[i] + (tops[i + 1] - tops[i]) * part;
      const bottom = bottoms[i] + (bottoms[i + 1] - bottoms[i]) * part;
      if (!(top < bottom)) continue;
      const [from, to] = [Math.max(0, Math.round(top)), Math.min(height, Math.round(bottom))];
      if (from < to) this.paint(x * height + from, x * height + to, ink, share);
    }
  }

  /**
   * A box.
   * @param {number} left
   * @param {number} top
   * @param {number} right
   * @param {number} bottom
   * @param {Colour} ink
   * @param {number} [share] of 256
   */
  box(left, top, right, bottom, ink, share = 256) {
    const [from, to] = [Math.max(0, Math.round(top)), Math.min(this.height, Math.round(bottom))];
    if (from >= to) return;
    for (let x = Math.max(0, Math.round(left)); x < Math.min(this.width, Math.round(right)); x += 1) {
      this.paint(x * this.height + from, x * this.height + to, ink, share);
    }
  }

  /**
   * The picture in rows, as a canvas takes it. Squares of 32 pixels stay in the processor's cache both ways.
   * @returns {ImageData}
   */
  image() {
    const { width, height, pixels } = this;
    const image = new ImageData(width, height);
    const rows = new Uint32Array(image.data.buffer);
    const SIDE = 32;
    for (let left = 0; left < width; left += SIDE) {
      const right = Math.min(left + SIDE, width);
      for (let top = 0; top < height; top += SIDE) {
        const bottom = Math.min(top + SIDE, height);
        for (let y = top; y < bottom; y += 1) {
          const row = y * width;
          for (let x = left, at = left * height + y; x < right; x += 1, at += height) rows[row + x] = pixels[at];
        }
      }
    }
    return image;
  }
}
