// What a site of many files fetches from its own server.

/** The bytes of one of the site's files. */
export async function fetched(path) {
  let response;
  try {
    response = await fetch(path);
  } catch (error) {
    const local = location.protocol === "file:";
    throw new Error(local ? "A browser fetches nothing for a page that is opened from a disk. Serve its folder: python -m http.server" : `${path} cannot be fetched (${error.message}).`);
  }
  if (!response.ok) throw new Error(`${path} cannot be fetched: the server says ${response.status} ${response.statusText}.`);
  return new Uint8Array(await response.arrayBuffer());
}
