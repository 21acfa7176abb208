/*
** vocab_fit.c - vocabularies of what a scanner has seen.
*/
#include "text/text.h"

int rnl_vocab_scanned (const rnl_Scanner *s, int bytes, rnl_Vocab **out) {
  rnl_Context *ctx = rnli_scanner_context(s);
  int k = rnl_scanner_codes(s, NULL);
  size_t size = (size_t)k * sizeof(int32_t);
  *out = NULL;
  int32_t *code = rnli_get(ctx, size);
  if (!code) return rnli_nomem(ctx, "a vocabulary", size);
  rnl_scanner_codes(s, code);
  int status = rnl_vocab_new(ctx, code, k, bytes, out);
  rnli_put(ctx, code);
  return status;
}


int rnl_vocab_fit (rnl_Context *ctx, const char *s, size_t n, int bytes,
                   rnl_Vocab **out) {
  rnl_Scanner *scan;
  rnl_Scan text;
  *out = NULL;
  int status = rnl_scanner_new(ctx, &scan);
  if (status != RNL_OK) return status;
  rnl_scanner_feed(scan, s, n);
  rnl_scanner_end(scan, &text);
  status = rnl_vocab_scanned(scan, bytes, out);
  rnl_scanner_free(scan);
  return status;
}


int rnl_vocab_covers (const rnl_Vocab *v, const rnl_Scanner *s) {
  rnli_Unknown u = {.n = 0};
  for (int32_t c = 0; c <= RNLI_MAX_CODE && !u.more; c++)
    if (rnli_scanner_has(s, c) && rnli_vocab_id(v, c) < 0)
      rnli_unknown_note(&u, c, SIZE_MAX);
  return u.n ? rnli_unknown_error(rnli_vocab_context(v), &u) : RNL_OK;
}
