// A remote write request by hand, for what the text format has no words for: native histograms and exemplars.

const bytes = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

function varint(number) {
  const out = [];
  let rest = BigInt.asUintN(64, BigInt(number));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...out, Number(rest)];
}

const zigzag = (number) => varint((BigInt(number) << 1n) ^ (BigInt(number) >> 63n));
const field = (number, content) => bytes(varint(number * 8 + 2), varint(content.length), content);
const text = (number, content) => field(number, new TextEncoder().encode(content));
const whole = (number, value) => bytes(varint(number * 8), varint(value));
const double = (number, value) => {
  const eight = new Uint8Array(8);
  new DataView(eight.buffer).setFloat64(0, value, true);
  return bytes(varint(number * 8 + 1), eight);
};
const labels = (set) =>
  Object.entries(set)
    .sort()
    .map(([name, value]) => field(1, bytes(text(1, name), text(2, value))));

/** A native histogram of schema 0, whose buckets begin at index `first`. */
export function histogram({ time, sum, counts, first }) {
  const deltas = counts.map((count, i) => zigzag(count - (counts[i - 1] ?? 0))).flat();
  return field(
    4,
    bytes(
      whole(
        1,
        counts.reduce((a, b) => a + b),
      ),
      double(3, sum),
      bytes(varint(4 * 8), zigzag(0)),
      double(5, 1e-9),
      whole(6, 0),
      field(11, bytes(bytes(varint(8), zigzag(first)), whole(2, counts.length))),
      field(12, Uint8Array.from(deltas)),
      whole(15, time),
    ),
  );
}

export const exemplar = ({ time, value, labels: set }) =>
  field(3, bytes(...labels(set), double(2, value), whole(3, time)));
export const sample = ({ time, value }) => field(2, bytes(double(1, value), whole(2, time)));

/** Sends series: each is its labels and its encoded parts. */
export async function remoteWrite(api, series) {
  const message = bytes(...series.map(([set, parts]) => field(1, bytes(...labels(set), ...parts))));
  // Snappy of literals alone: the length, then pieces of at most 64 KiB.
  const pieces = [Uint8Array.from(varint(message.length))];
  for (let at = 0; at < message.length; at += 65_536) {
    const piece = message.subarray(at, at + 65_536);
    pieces.push(Uint8Array.of(61 << 2, (piece.length - 1) & 255, (piece.length - 1) >> 8), piece);
  }
  const response = await fetch(`${api}/api/v1/write`, {
    method: "POST",
    body: bytes(...pieces),
    headers: {
      "Content-Type": "application/x-protobuf",
      "Content-Encoding": "snappy",
      "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
  });
  if (!response.ok) throw new Error(await response.text());
}
