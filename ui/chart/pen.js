// What pens cover on their way: for each column of pixels the runs of heights of a line, and which of them are to be seen.
//
// A line is the area that a round pen covers: for each third of a pixel's width that is one run, from a top to a bottom. Lines are
// collected from the nearest to the farthest, and each column remembers a stretch of rows that those before cover wholly: what
// lies behind it is left out.

/** Runs in each pixel's width, at most. */
export const SUB = 3;
/** Edges of a span: a top and a bottom for each run. */
export const EDGES = 2 * SUB;
/** Places of a point within a run's width that are told apart, and the runs that a pen reaches over at most. */
const PHASES = 16;
const REACH = 40;

/**
 * A line through evenly spaced points.
 * @typedef {object} Stroke
 * @property {Float64Array | Float32Array} ys heights in pixels from the top; NaN is a gap
 * @property {number} x0 where the first is
 * @property {number} dx how far they are apart
 * @property {number} ink its colour
 * @property {number} radius of the pen
 * @property {number} sub runs in each pixel's width: 3, 2 of many lines, 1 of very many
 * @property {boolean} [apart] whether points are dots, with nothing between them
 */

export class Pen {
  /**
   * @param {number} width of the picture in pixels
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.tops = new Float32Array(width * SUB);
    this.bottoms = new Float32Array(width * SUB);
    /** The stretch of rows of each column that the lines collected so far hide: its first row and the one after its last. */
    this.solid = new Int32Array(2 * width);
    /** How many spans were collected. Each is a column of pixels and the edges of its runs. */
    this.count = 0;
    this.columns = new Int32Array(1 << 12);
    this.edges = new Float32Array((1 << 12) * EDGES);
    /** How high a pen reaches beside its middle, by phase and run. */
    this.halves = { radius: 0, sub: 0, table: new Float32Array(PHASES * REACH) };
  }

  /** Forgets what was collected. */
  clear() {
    this.count = 0;
    this.solid.fill(0);
  }

  /**
   * Collects what is to be seen of a stroke in some columns.
   * @param {Stroke} stroke
   * @param {number} left
   * @param {number} right the column after the last
   */
  collect(stroke, left, right) {
    const { ys, x0, dx, radius, sub } = stroke;
    // The points that can reach the columns.
    const begin = Math.max(0, Math.floor((left - radius - x0) / dx) - 1);
    const end = Math.min(ys.length, Math.ceil((right + radius - x0) / dx) + 2);
    if (!stroke.apart) this.cover(stroke, begin, end, left, right);
    else for (let i = begin; i < end; i += 1) if (ys[i] === ys[i]) this.cover(stroke, i, i + 1, left, right);
  }

  /**
   * Collects what is to be seen of the points from `begin` to `end` and the ways between them.
   * @param {Stroke} stroke
   * @param {number} begin
   * @param {number} end
   * @param {number} left
   * @param {number} right
   */
  cover({ ys, x0, dx, radius, sub }, begin, end, left, right) {
    const first = Math.max(left, Math.floor(x0 + begin * dx - radius));
    const last = Math.min(right - 1, Math.ceil(x0 + (end - 1) * dx + radius));
    if (begin >= end || first > last) return;
    this.runs(ys, begin, end, x0 * sub, dx * sub, radius, sub, first * sub, (last + 1) * sub);
    this.keep(first, last, sub);
  }

  /**
   * Works out the runs of a line: each segment and each point widen those of the columns that the pen covers there.
   * @param {Float64Array | Float32Array} ys
   * @param {number} begin
   * @param {number} end
   * @param {number} x0 in runs
   * @param {number} dx
   * @param {number} radius in pixels
   * @param {number} sub
   * @param {number} left the first run
   * @param {number} right the run after the last
   */
  runs(ys, begin, end, x0, dx, radius, sub, left, right) {
    const { tops, bottoms, height } = this;
    const reach = radius * sub;
    tops.fill(Infinity, left, right);
    bottoms.fill(-Infinity, left, right);
    const halves = this.reaches(radius, sub);
    // Heights far outside make no difference but overflow.
    const [least, most] = [-4 * height, 5 * height];
    let before = NaN;
    // How far from the point before the tangents of the way to it touch the pen.
    let turned = NaN;
    for (let i = begin; i < end; i += 1) {
      let y = ys[i];
      if (y !== y) {
        if (turned === turned) this.stand(x0 + (i - 1) * dx, before, halves, reach, left, right);
        before = turned = NaN;
        continue;
      }
      if (y < least) y = least;
      else if (y > most) y = most;
      const x = x0 + i * dx;
      if (before !== before) this.stand(x, y, halves, reach, left, right);
      else {
        // The pen on its way from the point before: its upper and lower tangents, each where it touches the pen.
        const slope = (y - before) / dx;
        const steep = slope * sub;
        const long = Math.sqrt(1 + steep * steep);
        const shift = (reach * steep) / long;
        const thick = radius * long;
        const start = x - dx;
        // Between the tangents of two ways the pen itself is the outline, on the outer side of the turn.
        if (shift > turned) {
          let k = Math.ceil(start + turned - 0.5);
          if (k < left) k = left;
          let until = Math.floor(start + shift - 0.5);
          if (until >= right) until = right - 1;
          for (; k <= until; k += 1) {
            const edge = before - halves[place(start, k)];
            if (edge < tops[k]) tops[k] = edge;
          }
        } else if (shift < turned) {
          let k = Math.ceil(start - turned - 0.5);
          if (k < left) k = left;
          let until = Math.floor(start - shift - 0.5);
          if (until >= right) until = right - 1;
          for (; k <= until; k += 1) {
            const edge = before + halves[place(start, k)];
            if (edge > bottoms[k]) bottoms[k] = edge;
          }
        }
        let k = Math.ceil(start + shift - 0.5);
        if (k < left) k = left;
        let until = Math.floor(x + shift - 0.5);
        if (until >= right) until = right - 1;
        let edge = before - thick + slope * (k + 0.5 - start);
        for (; k <= until; k += 1, edge += slope) if (edge < tops[k]) tops[k] = edge;
        k = Math.ceil(start - shift - 0.5);
        if (k < left) k = left;
        until = Math.floor(x - shift - 0.5);
        if (until >= right) until = right - 1;
        edge = before + thick + slope * (k + 0.5 - start);
        for (; k <= until; k += 1, edge += slope) if (edge > bottoms[k]) bottoms[k] = edge;
        turned = shift;
      }
      before = y;
    }
    if (turned === turned) this.stand(x0 + (end - 1) * dx, before, halves, reach, left, right);
  }

  /**
   * Widens runs by the pen standing at a point.
   * @param {number} x
   * @param {number} y
   * @param {Float32Array} halves
   * @param {number} reach
   * @param {number} left
   * @param {number} right
   */
  stand(x, y, halves, reach, left, right) {
    const { tops, bottoms } = this;
    const until = Math.min(Math.floor(x + reach - 0.5), right - 1);
    for (let k = Math.max(Math.ceil(x - reach - 0.5), left); k <= until; k += 1) {
      const half = halves[place(x, k)];
      if (y - half < tops[k]) tops[k] = y - half;
      if (y + half > bottoms[k]) bottoms[k] = y + half;
    }
  }

  /**
   * How high a pen reaches in each run beside its middle.
   * @param {number} radius
   * @param {number} sub
   */
  reaches(radius, sub) {
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
   * Keeps of the runs of some columns what isn't hidden, and remembers what they hide.
   * @param {number} first
   * @param {number} last
   * @param {number} sub
   */
  keep(first, last, sub) {
    const { tops, bottoms, height, solid } = this;
    this.reserve(last - first + 1);
    const { columns, edges } = this;
    let { count } = this;
    for (let x = first; x <= last; x += 1) {
      const from = solid[2 * x];
      const to = solid[2 * x + 1];
      let at = count * EDGES;
      let inner = 0;
      let outer = height;
      let seen = false;
      for (let k = x * sub; k < x * sub + sub; k += 1, at += 2) {
        let top = tops[k];
        let bottom = bottoms[k];
        if (top < 0) top = 0;
        if (sub === 1 && top < bottom) {
          top = (top + 0.5) | 0;
          bottom = (bottom + 0.5) | 0;
          if (bottom === top) bottom += 1;
        }
        if (bottom > height) bottom = height;
        if (top > inner) inner = top;
        if (bottom < outer) outer = bottom;
        if (top < to && top >= from) top = to;
        if (bottom > from && bottom <= to) bottom = from;
        edges[at] = top;
        edges[at + 1] = bottom;
        if (top < bottom) seen = true;
      }
      if (!seen) continue;
      columns[count] = x;
      count += 1;
      // Rows that all runs cover hide what comes behind. A column remembers one stretch, which grows or gives way to a longer.
      inner = Math.ceil(inner);
      outer = Math.floor(outer);
      if (inner >= outer) continue;
      if (from < to && inner <= to && outer >= from) {
        if (inner < from) solid[2 * x] = inner;
        if (outer > to) solid[2 * x + 1] = outer;
      } else if (outer - inner > to - from) {
        solid[2 * x] = inner;
        solid[2 * x + 1] = outer;
      }
    }
    this.count = count;
  }

  /** @param {number} more spans that are to have room */
  reserve(more) {
    if (this.count + more <= this.columns.length) return;
    const { columns, edges } = this;
    this.columns = new Int32Array(2 * (this.count + more));
    this.columns.set(columns);
    this.edges = new Float32Array(this.columns.length * EDGES);
    this.edges.set(edges);
  }
}

/**
 * Where the table of a pen has how high it reaches.
 * @param {number} x of its middle, in runs
 * @param {number} k a run
 */
function place(x, k) {
  const whole = Math.floor(x);
  return Math.floor((x - whole) * PHASES) * REACH + (REACH >> 1) + k - whole;
}
