// Spans that a reader drew: stretches of tokens that count as one unit, with a name if they were given one.
// A span is {side, from, to, name}, in tokens, `to` exclusive. Spans of one example never overlap.

const MOST_LETTERS = 80;

/** A name without what would act on the text around it: controls, direction marks, lone surrogates. */
export function cleanName(text) {
  const plain = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ").replace(/(?![\u200c\u200d])[\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu, "");
  return [...plain.trim()].slice(0, MOST_LETTERS).join("");
}

const ordered = (spans) => [...spans].sort((a, b) => (a.side === b.side ? a.from - b.from : a.side < b.side ? -1 : 1));

/** The spans with one more; those it overlaps give way to it. */
export function added(spans, span) {
  const apart = (other) => other.side !== span.side || other.to <= span.from || other.from >= span.to;
  return ordered([...spans.filter(apart), span]);
}

/** The spans an example has tokens for. */
export function fitting(spans, sides) {
  const length = (name) => sides.find((side) => side.name === name)?.f.length ?? 0;
  return spans.map((span) => ({ ...span, to: Math.min(span.to, length(span.side)) })).filter((span) => span.from < span.to);
}

/** Spans of examples {3: [span, …]} as text for the address: "4t1-5~name!4s2-3"; an example without spans is its number alone. */
export function formatSpans(spans) {
  const safe = (name) => name.replace(/~/g, "~0").replace(/!/g, "~1");
  return Object.entries(spans)
    .flatMap(([index, own]) => {
      const number = Number(index) + 1;
      return own.length ? own.map(({ side, from, to, name }) => `${number}${side[0]}${from + 1}-${to}${name ? `~${safe(name)}` : ""}`) : [String(number)];
    })
    .join("!");
}

/** What `formatSpans` wrote; what makes no sense is left out. */
export function parseSpans(text) {
  const found = {};
  for (const part of text.split("!")) {
    const match = /^(\d{1,7})(?:([st])(\d{1,7})-(\d{1,7})(?:~(.*))?)?$/s.exec(part);
    if (!match || match[1] === "0" || match[3] === "0") continue;
    const own = (found[Number(match[1]) - 1] ??= []);
    if (!match[2]) continue;
    const span = { side: match[2] === "s" ? "source" : "target", from: Number(match[3]) - 1, to: Number(match[4]), name: cleanName((match[5] ?? "").replace(/~1/g, "!").replace(/~0/g, "~")) };
    if (span.from < span.to) found[Number(match[1]) - 1] = added(own, span);
  }
  return found;
}
