/*
** encode.c - ids of a text as tensors.
*/
#include <limits.h>
#include <string.h>

#include "text/bpe.h"
#include "text/text.h"

/*
** The ids as a tensor (M), unless 'status' tells of a failure; the return
** value is that of both. They are let go of.
*/
static int to_tensor (rnli_Ids *ids, int status, rnl_Tensor **out) {
  *out = NULL;
  if (status == RNL_OK && ids->n > INT_MAX)
    status = rnli_error(ids->ctx, RNL_ESHAPE, "the text has %zu tokens, a "
                        "tensor holds at most %d", ids->n, INT_MAX);
  int dim[1] = {(int)ids->n};
  if (status == RNL_OK)
    status = rnli_tensor_raw(ids->ctx, RNL_I32, 1, dim, 0, out);
  if (status == RNL_OK && ids->n)
    memcpy((*out)->data, ids->id, ids->n * sizeof *ids->id);
  rnli_put(ids->ctx, ids->id);
  return status;
}


int rnl_vocab_encode (const rnl_Vocab *v, const char *s, size_t n,
                      rnl_Tensor **out) {
  rnli_Ids ids = {.ctx = rnli_vocab_context(v)};
  return to_tensor(&ids, rnli_vocab_ids(v, s, n, &ids), out);
}


int rnl_words_encode (const rnl_Words *w, const char *s, size_t n,
                      rnl_Tensor **out) {
  rnli_Ids ids = {.ctx = rnli_words_context(w)};
  return to_tensor(&ids, rnli_words_ids(w, s, n, &ids), out);
}


int rnl_bpe_encode (const rnl_Bpe *b, const char *s, size_t n,
                    rnl_Tensor **out) {
  rnli_Ids ids = {.ctx = b->ctx};
  return to_tensor(&ids, rnli_bpe_ids(b, s, n, &ids), out);
}
