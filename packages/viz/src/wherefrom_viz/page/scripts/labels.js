// Labels where there is little room: shortened in the middle, and only as many as fit.

const letters = (text) => (Intl.Segmenter ? Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment) : [...text]);

/** The text, without as much of its middle as it takes until it `fits`. */
export function elided(text, fits) {
  if (fits(text)) return text;
  const all = letters(text);
  const keeping = (count) => [...all.slice(0, Math.ceil(count / 2)), "…", ...all.slice(all.length - Math.floor(count / 2))].join("");
  let [least, most] = [0, all.length - 1];
  while (least < most) {
    const count = Math.ceil((least + most) / 2);
    if (fits(keeping(count))) least = count;
    else most = count - 1;
  }
  return keeping(least);
}

/**
 * Which of the lines `first` to `last` get a label when one takes the room of `step` lines: of `wanted` all that are
 * clear of those before them, then every `step`-th that is clear of these.
 */
export function labelled(first, last, step, wanted = []) {
  const shown = [];
  const add = (at) => at >= first && at <= last && shown.every((other) => Math.abs(other - at) >= step) && shown.push(at);
  wanted.forEach(add);
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) add(at);
  return shown;
}
