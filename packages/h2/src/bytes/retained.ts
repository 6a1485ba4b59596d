/**
 * Returns a view that may be kept: the view itself where it makes up a good part of the memory behind it, and a copy
 * where keeping it would pin much more than its own size (a view of 1 byte must not pin 64 KiB).
 */
export function retained(view: Uint8Array): Uint8Array {
  // Not `slice`: that of Node's Buffer gives a view, and the original takes half as long again.
  return view.byteLength * 4 >= view.buffer.byteLength ? view : new Uint8Array(view);
}
