// Lines and areas as pixels, without the canvas' own strokes: where there is no GPU, stroking a hundred noisy lines takes
// seconds.
//
// The picture is a buffer of columns. A line is the area that a round pen covers on its way: for each third of a pixel's width
// that is one run of heights, from `top` to `bottom`. The three runs of a pixel's column make its rows either whole, which is
// a `fill`, or parts of thirds, which are blended. Of many lines halves do, which blend without a multiplication, and of very
// many whole columns without blending. The work is bounded by pixels, whatever the data, and the same on every machine, so
// that tests can compare pictures.

/** Runs in each pixel's width, at most. */
const SUB = 3;
/** Of many lines an edge that passes more rows within half a pixel isn't blended. */
const STEEP = 12;
/** Places of a point within a run's width that are told apart, and the runs that a pen reaches over at most. */
const PHASES = 16;
const REACH = 40;

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
    this.tops = new Float32Array(width * SUB);
    this.bottoms = new Float32Array(width * SUB);
    /** The edges of a pixel's column while it is blended, and whether a run begins or ends there. */
    this.edges = new Float64Array(2 * SUB);
    this.steps = new Int32Array(2 * SUB);
    /** How high a pen reaches beside its middle, by phase and run. */
    this.halves = { radius: 0, sub: 0, table: new Float32Array(PHASES * REACH) };
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
    const [from, to] = this.runs(ys, x0 * sub, dx * sub, radius, sub);
    if (from > to) return;
    if (sub === 1) this.columns(from, to, ink);
    else this.blend(Math.floor(from / sub), Math.floor(to / sub), ink, sub);
  }

  /**
   * Works out the runs of a line: each segment and each point widen those of the columns that the pen covers there.
   * @param {Float64Array | Float32Array} ys
   * @param {number} x0
   * @param {number} dx
   * @param {number} radius in pixels
   * @param {number} sub
   * @returns {[number, number]} the first and last column that may have a run
   */
  runs(ys, x0, dx, radius, sub) {
    const { tops, bottoms, width, height } = this;
    const columns = width * sub;
    const reach = radius * sub;
    const first = Math.max(0, Math.floor(x0 - reach));
    const last = Math.min(columns - 1, Math.ceil(x0 + dx * (ys.length - 1) + reach));
    if (first > last) return [1, 0];
    tops.fill(Infinity, first, last + 1);
    bottoms.fill(-Infinity, first, last + 1);
    const halves = this.pen(radius, sub);
    // Heights far outside make no difference but overflow.
    const [least, most] = [-4 * height, 5 * height];
    const begin = Math.max(0, Math.floor((-reach - x0) / dx) - 1);
    const end = Math.min(ys.length, Math.ceil((columns + reach - x0) / dx) + 2);
    let before = NaN;
    for (let i = begin; i < end; i += 1) {
      let y = ys[i];
      if (y !== y) {
        before = NaN;
        continue;
      }
      if (y < least) y = least;
      else if (y > most) y = most;
      const x = x0 + i * dx;
      // The pen standing at the point.
      const whole = Math.floor(x);
      const phase = Math.floor((x - whole) * PHASES) * REACH + (REACH >> 1) - whole;
      let k = Math.ceil(x - reach - 0.5);
      if (k < 0) k = 0;
      let until = Math.floor(x + reach - 0.5);
      if (until >= columns) until = columns - 1;
      for (; k <= until; k += 1) {
        const half = halves[phase + k];
        if (y - half < tops[k]) tops[k] = y - half;
        if (y + half > bottoms[k]) bottoms[k] = y + half;
      }
      if (before === before) {
        // The pen on its way from the point before: its upper and lower tangents, each where it touches the pen.
        const slope = (y - before) / dx;
        const steep = slope * sub;
        const long = Math.sqrt(1 + steep * steep);
        const shift = (reach * steep) / long;
        const thick = radius * long;
        const start = x - dx;
        let k = Math.ceil(start + shift - 0.5);
        if (k < 0) k = 0;
        let until = Math.floor(x + shift - 0.5);
        if (until >= columns) until = columns - 1;
        let edge = before - thick + slope * (k + 0.5 - start);
        for (; k <= until; k += 1, edge += slope) if (edge < tops[k]) tops[k] = edge;
        k = Math.ceil(start - shift - 0.5);
        if (k < 0) k = 0;
        until = Math.floor(x - shift - 0.5);
        if (until >= columns) until = columns - 1;
        edge = before + thick + slope * (k + 0.5 - start);
        for (; k <= until; k += 1, edge += slope) if (edge > bottoms[k]) bottoms[k] = edge;
      }
      before = y;
    }
    return [first, last];
  }

  /**
   * How high a pen reaches in each run beside its middle.
   * @param {number} radius
   * @param {number} sub
   */
  pen(radius, sub) {
    const { halves } = this;
    if (halves.radius === radius && halves.sub === sub) return halves.table;
    Object.assign(halves, { radius, sub });
    for (let phase = 0; phase < PHASES; phase += 1) {
      for (let k = 0; k < REACH; k += 1) {
        const away = (k - (REACH >> 1) + 0.5 - (phase + 0.5) / PHASES) / sub;
        halves.table[phase * REACH + k] = Math.sqrt(Math.max(0, radius * radius - away * away));
      }
    }
    return halves.table;
  }

  /**
   * Paints runs of whole columns.
   * @param {number} from
   * @param {number} to
   * @param {Colour} ink
   */
  columns(from, to, ink) {
    const { tops, bottoms, height, pixels } = this;
    for (let x = from; x <= to; x += 1) {
      if (tops[x] >= bottoms[x]) continue;
      const top = Math.max(0, Math.round(tops[x]));
      const bottom = Math.min(height, Math.max(Math.round(bottoms[x]), top + 1));
      for (let at = x * height + top; at < x * height + bottom; at += 1) pixels[at] = ink;
    }
  }

  /**
   * Blends the runs of each pixel's column. Its six edges are walked from the top: between two of them the same number of runs
   * covers every row, and a row that holds an edge collects the parts.
   * @param {number} from
   * @param {number} to
   * @param {Colour} ink
   * @param {number} sub
   */
  blend(from, to, ink, sub) {
    const { tops, bottoms, height, pixels, edges, steps } = this;
    const plain = !this.clear;
    const part = 256 / sub;
    const half = (ink & 0xfefefe) >>> 1;
    for (let x = from; x <= to; x += 1) {
      let count = 0;
      // Edges in order: a few that are nearly sorted, so that inserting each takes next to no moves.
      for (let k = x * sub; k < x * sub + sub; k += 1) {
        let top = tops[k];
        let bottom = bottoms[k];
        if (!(top < bottom) || bottom <= 0 || top >= height) continue;
        if (top < 0) top = 0;
        if (bottom > height) bottom = height;
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
      if (count === 0) continue;
      const column = x * height;
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
            if (plain && sub === 2 && level === 1 && next - row > STEEP) {
              // So steep an edge is drawn where its middle is: reading what lies under it would cost more than all else.
              const middle = column + ((row + 1 + next) >> 1);
              if (steps[at] > 0) pixels.fill(ink, middle, column + next);
              else pixels.fill(ink, column + row + 1, middle);
            } else if (plain && sub === 2 && level === 1) {
              for (let i = column + row + 1; i < column + next; i += 1)
                pixels[i] = 0xff000000 | (((pixels[i] & 0xfefefe) >>> 1) + half);
            } else this.paint(column + row + 1, column + next, ink, level === sub ? 256 : (level * part) | 0);
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
   * A filled circle, for a point that has no neighbours.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   * @param {Colour} ink
   */
  dot(x, y, radius, ink) {
    this.line(Float64Array.of(y), x, 1, ink, radius);
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
