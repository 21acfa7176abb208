/*
** bpe.c - byte pair encoding: tokens that are learnt by joining the pair of
** tokens that stands together most often, again and again (Sennrich et al.
** 2016), from bytes on, so that every input has ids.
**
** Text is cut into pieces (rnli_piece) and no token goes beyond one. To encode
** a piece its tokens are joined in the order in which the pairs were learnt, of
** two the same the left one first; as a piece is short, the next pair is looked
** for from its start. Most pieces are a token as they stand, which is found at
** once; of each token it is known whether its bytes become it in this way.
*/
#include <limits.h>
#include <string.h>

#include "text/bpe.h"

enum { NBYTE = 256, LEAST_SLOTS = 1 << 10 };

/* {== Pairs of tokens ==================================================== */

int rnli_pairs_grow (rnl_Context *ctx, rnli_Pairs *p) {
  size_t slots = p->slots ? p->slots * 2 : LEAST_SLOTS;
  size_t bytes = rnli_mul(slots, sizeof(rnli_Slot));
  rnli_Pairs grown = {rnli_get(ctx, bytes), slots, p->n, p->seed};
  if (!grown.slot) return rnli_nomem(ctx, "pairs of tokens", bytes);
  memset(grown.slot, 0xFF, bytes);   /* all RNLI_NO_PAIR */
  for (size_t i = 0; i < p->slots; i++) {
    const rnli_Slot *s = &p->slot[i];
    if (s->value != RNLI_NO_PAIR)
      *rnli_pairs_find(&grown, s->left, s->right) = *s;
  }
  rnli_put(ctx, p->slot);
  *p = grown;
  return RNL_OK;
}


int rnli_pairs_add (rnl_Context *ctx, rnli_Pairs *p, int32_t left,
                    int32_t right, int32_t value) {
  int status = p->n < p->slots / 2 ? RNL_OK : rnli_pairs_grow(ctx, p);
  if (status != RNL_OK) return status;
  *rnli_pairs_find(p, left, right) = (rnli_Slot){left, right, value};
  p->n++;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Tokens ============================================================= */

int rnli_bpe_make (rnl_Context *ctx, rnl_Bpe **out) {
  rnl_Bpe *b = rnli_get(ctx, sizeof *b);
  *out = NULL;
  if (!b) return rnli_nomem(ctx, "a tokenizer", sizeof *b);
  memset(b, 0, sizeof *b);
  b->ctx = ctx;
  b->pairs.seed = (uintptr_t)b;
  rnl_context_retain(ctx);
  int status = rnl_words_new(ctx, RNL_PIECES, &b->token);
  if (status == RNL_OK)
    status = rnli_pairs_grow(ctx, &b->pairs);
  for (int c = 0; c < NBYTE && status == RNL_OK; c++) {
    char byte = (char)(unsigned char)c;
    status = rnli_words_put(b->token, &byte, 1);
  }
  if (status == RNL_OK) *out = b;
  else rnl_bpe_free(b);
  return status;
}


void rnl_bpe_free (rnl_Bpe *b) {
  if (!b) return;
  rnl_Context *ctx = b->ctx;
  rnl_words_free(b->token);
  rnli_put(ctx, b->pairs.slot);
  rnli_put(ctx, b->part);
  rnli_put(ctx, b->whole);
  rnli_put(ctx, b);
  rnl_context_release(ctx);
}


int rnl_bpe_size (const rnl_Bpe *b) {
  return rnl_words_size(b->token);
}


const char *rnl_bpe_at (const rnl_Bpe *b, int id, size_t *n) {
  return rnl_words_at(b->token, id, n);
}


const int32_t *rnl_bpe_parts (const rnl_Bpe *b) {
  return b->part;
}


size_t rnli_bpe_join (const rnl_Bpe *b, int32_t left, int32_t right,
                      char joined[RNL_MAX_PIECE]) {
  size_t n, m;
  const char *s = rnl_bpe_at(b, left, &n);
  const char *t = rnl_bpe_at(b, right, &m);
  if (n + m > RNL_MAX_PIECE) return 0;
  memcpy(joined, s, n);
  memcpy(joined + n, t, m);
  return n + m;
}


int rnli_bpe_add (rnl_Bpe *b, int32_t left, int32_t right, const char *s,
                  size_t n) {
  int id = rnl_bpe_size(b);
  int32_t *part = rnli_grow(b->ctx, b->part, b->nparts, b->nparts + 2,
                            sizeof *part, &b->room, "tokens");
  if (!part) return RNL_ENOMEM;
  b->part = part;
  int status = rnli_words_put(b->token, s, n);
  if (status == RNL_OK)
    status = rnli_pairs_add(b->ctx, &b->pairs, left, right, id);
  part[b->nparts++] = left;
  part[b->nparts++] = right;
  return status;
}

/* }====================================================================== */

/* {== Text and ids ======================================================= */

/* The token that two become; INT_MAX: none. */
static int32_t joined_id (const rnl_Bpe *b, int32_t left, int32_t right) {
  const rnli_Slot *s = rnli_pairs_find(&b->pairs, left, right);
  return s->value == RNLI_NO_PAIR ? INT_MAX : s->value;
}


static int smallest (const int32_t *x, int n) {
  int at = 0;
  for (int i = 1; i < n; i++)
    if (x[i] < x[at]) at = i;
  return at;
}


/*
** Ids of the bytes of a piece, n > 0, to 'id', which has room for n; how many
** they are. next[i] is what id[i] and id[i + 1] become: the smallest was learnt
** first.
*/
static int join_piece (const rnl_Bpe *b, const char *s, size_t len,
                       int32_t *id) {
  int32_t next[RNL_MAX_PIECE];
  int n = (int)len, at;
  for (int i = 0; i < n; i++) id[i] = (unsigned char)s[i];
  for (int i = 0; i + 1 < n; i++) next[i] = joined_id(b, id[i], id[i + 1]);
  while (n > 1 && next[at = smallest(next, n - 1)] < INT_MAX) {
    size_t rest = (size_t)(--n - at - 1);
    id[at] = next[at];
    memmove(id + at + 1, id + at + 2, rest * sizeof *id);
    memmove(next + at, next + at + 1, rest * sizeof *next);
    if (at > 0) next[at - 1] = joined_id(b, id[at - 1], id[at]);
    if (rest) next[at] = joined_id(b, id[at], id[at + 1]);
  }
  return n;
}


/* Finds which tokens their bytes become. */
int rnli_bpe_close (rnl_Bpe *b) {
  int32_t id[RNL_MAX_PIECE];
  size_t n, V = (size_t)rnl_bpe_size(b);
  b->whole = rnli_get(b->ctx, V);
  if (!b->whole) return rnli_nomem(b->ctx, "tokens", V);
  for (size_t i = 0; i < V; i++) {
    const char *s = rnl_bpe_at(b, (int)i, &n);
    b->whole[i] = join_piece(b, s, n, id) == 1 && id[0] == (int32_t)i;
  }
  return RNL_OK;
}


int rnli_bpe_ids (const rnl_Bpe *b, const char *s, size_t n, rnli_Ids *ids) {
  int status = rnli_ids_room(ids, n / 4 + 1);
  for (size_t i = 0, len; i < n && status == RNL_OK; i += len) {
    len = rnli_piece((const unsigned char *)s + i, n - i);
    status = rnli_ids_room(ids, len);
    if (status != RNL_OK) break;
    int32_t id = rnli_words_find(b->token, s + i, len);
    if (id >= 0 && b->whole[id]) ids->id[ids->n++] = id;
    else ids->n += (size_t)join_piece(b, s + i, len, ids->id + ids->n);
  }
  return status;
}


int rnli_bpe_text (const rnl_Bpe *b, rnl_Context *ctx, const int32_t *id,
                   size_t n, char **out, size_t *nout) {
  return rnli_words_text(b->token, ctx, id, n, out, nout);
}


int rnl_bpe_decode (const rnl_Bpe *b, const int32_t *id, size_t n, char **out,
                    size_t *nout) {
  return rnli_bpe_text(b, b->ctx, id, n, out, nout);
}

/* }====================================================================== */

/* {== From a list ======================================================== */

static int add_listed (rnl_Bpe *b, const int32_t *part) {
  char s[RNL_MAX_PIECE];
  int size = rnl_bpe_size(b), base = b->ctx->base;
  for (int i = 0; i < 2; i++)
    if (part[i] < 0 || part[i] >= size)
      return rnli_error(b->ctx, RNL_EFORMAT, "bpe: token %d is made of token "
                        "%lld, which does not come before it", size + base,
                        (long long)part[i] + base);
  size_t n = rnli_bpe_join(b, part[0], part[1], s);
  if (n == 0)
    return rnli_error(b->ctx, RNL_EFORMAT, "bpe: token %d has more than %d "
                      "bytes", size + base, RNL_MAX_PIECE);
  if (rnli_words_find(b->token, s, n) >= 0)
    return rnli_error(b->ctx, RNL_EFORMAT, "bpe: token %d has the bytes of "
                      "another one", size + base);
  return rnli_bpe_add(b, part[0], part[1], s, n);
}


int rnl_bpe_new (rnl_Context *ctx, const int32_t *part, size_t k,
                 rnl_Bpe **out) {
  rnl_Bpe *b;
  int status = rnli_bpe_make(ctx, &b);
  *out = NULL;
  for (size_t i = 0; i < k && status == RNL_OK; i++)
    status = add_listed(b, part + 2 * i);
  if (status == RNL_OK) status = rnli_bpe_close(b);
  if (status == RNL_OK) *out = b;
  else rnl_bpe_free(b);
  return status;
}

/* }====================================================================== */
