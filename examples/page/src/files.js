// /minke-example/file/1.0.0, as ../../chat/files.c describes it: one file per stream, and the SHA-256 that the other end
// has computed beside our own.
import { sha256 } from '@noble/hashes/sha2.js'; // crypto.subtle hashes only what is in memory as a whole
import { Reader, send } from './reader.js';
import { Problem } from './words.js';

export const FILE_PROTOCOL = '/minke-example/file/1.0.0';
const PIECE = 64 * 1024;
const RECEIVE_MAX = 1024 ** 3; // it is kept in memory until it is saved

const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
const text = string => new TextEncoder().encode(string);

/** Their next line; throws what it says when they refuse. */
async function answer(reader) {
  const line = await reader.line();
  if (line == null) throw new Problem('The other end broke off.', 'It may say why.');
  const [word, ...rest] = line.split(' ');
  if (word === 'error') throw new Problem(`The other end refused: ${rest.join(' ')}.`,
    'Of a program, its options decide (see --help).');
  return [word, ...rest];
}

async function their_hash(reader) {
  const [word, hash] = await answer(reader);
  if (word !== 'sha256') throw new Error(`a hash was due, not “${word}”`);
  return hash;
}

/** Sends a file. on_progress(done, size). Returns { ours, theirs, seconds }. */
export async function put(connection, file, on_progress) {
  const stream = await connection.newStream(FILE_PROTOCOL);
  const begun = performance.now();
  const theirs = their_hash(new Reader(stream));
  let over = false;
  const answered = theirs.catch(() => {}).then(() => { over = true; });
  const hash = sha256.create();
  try {
    await send(stream, text(`put ${file.size} ${file.name.replace(/[\r\n]/g, ' ')}\n`));
    for (let at = 0; at < file.size && !over; at += PIECE) {
      const piece = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
      hash.update(piece);
      // Who refuses stops reading, and nothing drains any more.
      await Promise.race([send(stream, piece), answered]);
      on_progress(Math.min(at + PIECE, file.size), file.size);
    }
    const result = { theirs: await theirs, ours: hex(hash.digest()), seconds: (performance.now() - begun) / 1000 };
    stream.close().catch(() => {});
    return result;
  } catch (error) {
    await theirs; // what they said explains more than that the stream is closed
    throw error;
  } finally {
    if (stream.writeStatus === 'writable') stream.abort(new Error('refused'));
  }
}

/** Reads a file's bytes into memory. */
async function receive(reader, size, on_progress) {
  const parts = [], hash = sha256.create();
  for (let done = 0; done < size;) {
    const bytes = await reader.bytes(size - done);
    if (bytes == null) throw new Problem(`The file broke off after ${done} of ${size} bytes.`, 'Ask again.');
    hash.update(bytes);
    parts.push(bytes);
    on_progress(done += bytes.length);
  }
  return { blob: new Blob(parts), ours: hex(hash.digest()) };
}

/** Asks for their file. on_progress(done, size, name). Returns { name, blob, ours, theirs, seconds }. */
export async function get(connection, on_progress) {
  const stream = await connection.newStream(FILE_PROTOCOL);
  const reader = new Reader(stream);
  const begun = performance.now();
  try {
    await send(stream, text('get\n'));
    stream.close().catch(() => {});
    const [word, size_text, ...words] = await answer(reader);
    const size = Number(size_text), name = words.join(' ');
    if (word !== 'file' || !Number.isSafeInteger(size)) throw new Error('this is not the file protocol');
    if (size > RECEIVE_MAX)
      throw new Problem('The file is larger than 1 GiB.', 'A page keeps it in memory: fetch it another way.');
    const { blob, ours } = await receive(reader, size, done => on_progress(done, size, name));
    const theirs = await their_hash(reader);
    return { name, blob, ours, theirs, seconds: (performance.now() - begun) / 1000 };
  } catch (error) {
    stream.abort(error);
    throw error;
  }
}

/**
 * The other side of put. begin(name, size) says how progress is shown, as on_progress(done, size), or throws a Problem that
 * refuses the file. Returns { name, blob, ours, seconds }; it is the sender who compares hashes.
 */
export async function take(stream, begin) {
  const reader = new Reader(stream);
  const begun = performance.now();
  try {
    const line = await reader.line();
    const [, size_text, name] = /^put (\d{1,15}) (.+)$/.exec(line ?? '') ?? [];
    if (size_text == null) throw new Problem('this page takes files, and offers none');
    const size = Number(size_text);
    const on_progress = begin(name, size);
    const { blob, ours } = await receive(reader, size, done => on_progress(done, size));
    await send(stream, text(`sha256 ${ours}\n`));
    await stream.close();
    return { name, blob, ours, seconds: (performance.now() - begun) / 1000 };
  } catch (error) {
    if (error instanceof Problem) await send(stream, text(`error ${error.message}\n`)).catch(() => {});
    await stream.closeRead?.().catch(() => {});
    await stream.close().catch(() => stream.abort(error));
    throw error;
  }
}
