import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { channels, colourOf, linearOf, luminance, oklabOfLinear } from "./colours.js";

// How red-blind, green-blind and blue-blind people see, by Machado, Oliveira and Fernandes (2009), full severity.
const SIGHTS = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

const sheet = readFileSync(new URL("../css/tokens.css", import.meta.url), "utf8");
const [light, dark] = [false, true].map((isDark) =>
  Object.fromEntries(
    [...sheet.matchAll(/--([\w-]+): (light-dark\(#.*?\));/g)].map(([, name, token]) => [name, colourOf(token, isDark)]),
  ),
);

const contrast = (a, b) => {
  const [low, high] = [luminance(channels(a)), luminance(channels(b))].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};

for (const [name, theme, least] of [
  ["light", light, 0.09],
  ["dark", dark, 0.09],
]) {
  test(`the eight colours of the ${name} theme are told apart by everybody`, () => {
    const colours = Array.from({ length: 8 }, (_, i) => theme[`s${i + 1}`]);
    for (const [sight, m] of Object.entries(SIGHTS)) {
      const seen = colours.map((one) => {
        const [r, g, b] = linearOf(channels(one));
        return oklabOfLinear(
          [0, 3, 6].map((row) => Math.min(1, Math.max(0, m[row] * r + m[row + 1] * g + m[row + 2] * b))),
        );
      });
      for (let i = 0; i < 8; i += 1)
        for (let k = 0; k < i; k += 1) {
          const away = Math.hypot(...seen[i].map((one, at) => one - seen[k][at]));
          assert.ok(away >= least, `${sight}: ${colours[i]} and ${colours[k]} are ${away.toFixed(3)} apart`);
        }
    }
    for (const one of colours) assert.ok(contrast(one, theme.card) >= 3, `${one} on ${theme.card}`);
  });

  test(`text of the ${name} theme has its contrast`, () => {
    for (const ground of ["card", "ground", "hover"])
      for (const ink of [
        "text",
        "soft",
        "accent",
        "good",
        "mind",
        "bad",
        "p-function",
        "p-label",
        "p-string",
        "p-number",
        "p-keyword",
      ]) {
        if (ground !== "card" && ink.startsWith("p-")) continue;
        assert.ok(
          contrast(theme[ink], theme[ground]) >= 4.5,
          `${ink} on ${ground}: ${contrast(theme[ink], theme[ground]).toFixed(2)}`,
        );
      }
    assert.ok(contrast(theme["accent-text"], theme.accent) >= 4.5);
  });
}
