/*
** text.c - the text of models that are stepped: ids of a prime, text of ids.
*/
#include "infer/infer.h"

static int expect_tokenizer (rnl_State *s) {
  if (s->model->tok) return RNL_OK;
  return rnli_error(s->ctx, RNL_ESTATE, "the model has no tokenizer");
}


/* Memory of the state for a borrowed result, which 'block' held. */
static int borrow (rnl_State *s, void *block, size_t bytes, void **out) {
  rnli_work_reset(&s->text);
  *out = rnli_work(&s->text, bytes, 1);
  if (*out && bytes) memcpy(*out, block, bytes);
  rnli_put(s->ctx, block);
  return *out ? RNL_OK : RNL_ENOMEM;
}


/* The ids of a text, all of them learnt; given back by rnli_put. */
static int known_ids (rnl_State *s, const char *text, size_t n,
                      rnli_Ids *ids) {
  int usable = rnli_tokenizer_usable(s->model->tok);
  *ids = (rnli_Ids){.ctx = s->ctx};
  int status = rnli_tokenizer_ids(s->model->tok, text, n, ids);
  for (size_t i = 0; status == RNL_OK && i < ids->n; i++)
    if (ids->id[i] >= usable)
      status = rnli_error(s->ctx, RNL_EFORMAT, "the text has characters that "
                          "the model has not learnt: token %zu", i);
  if (status == RNL_OK) return RNL_OK;
  rnli_put(s->ctx, ids->id);
  *ids = (rnli_Ids){.ctx = s->ctx};
  return status;
}


int rnl_state_encode (rnl_State *s, const char *text, size_t n,
                      const int32_t **out, size_t *nout) {
  rnli_Ids ids;
  void *kept;
  *out = NULL;
  *nout = 0;
  int status = expect_tokenizer(s);
  if (status == RNL_OK) status = known_ids(s, text, n, &ids);
  if (status != RNL_OK) return status;
  status = borrow(s, ids.id, ids.n * sizeof *ids.id, &kept);
  if (status != RNL_OK) return status;
  *out = kept;
  *nout = ids.n;
  return RNL_OK;
}


/*
** What a text is taken to follow: a new line where the model has learnt one,
** else its first token.
*/
static int start_ids (rnl_State *s, rnli_Ids *ids) {
  int status = known_ids(s, "\n", 1, ids);
  if (status == RNL_ENOMEM || (status == RNL_OK && ids->n == 1)) return status;
  status = rnli_ids_room(ids, 1);
  if (status != RNL_OK) return status;
  ids->id[0] = 0;
  ids->n = 1;
  return RNL_OK;
}


int rnl_state_prime (rnl_State *s, const char *text, size_t n) {
  rnli_Ids ids = {.ctx = s->ctx};
  int status = rnli_expect_kind(s, &rnli_kind_lm);
  if (status == RNL_OK) status = expect_tokenizer(s);
  if (status != RNL_OK) return status;
  status = known_ids(s, text, n, &ids);
  if (status == RNL_OK && ids.n == 0 && *s->now.t == 0)
    status = start_ids(s, &ids);
  if (status == RNL_OK) status = rnl_state_score(s, ids.id, ids.n, NULL);
  rnli_put(s->ctx, ids.id);
  return status;
}


/* Text that is being collected. */
typedef struct Collected {
  rnl_Context *ctx;
  char *s;
  size_t n, room;
} Collected;


/* What an id adds, or with NULL what was held back. */
static int collect (rnl_State *s, const int32_t *id, Collected *c) {
  char *part;
  size_t n;
  int status = rnli_stream_next(&s->stream, s->ctx, id, &part, &n);
  if (status != RNL_OK) return status;
  char *grown = rnli_grow(s->ctx, c->s, c->n, c->n + n + 1, 1, &c->room,
                          "text");
  if (grown) {
    c->s = grown;
    memcpy(c->s + c->n, part, n);
    c->n += n;
    c->s[c->n] = '\0';
  }
  rnl_text_free(s->ctx, part);
  return grown ? RNL_OK : RNL_ENOMEM;
}


static int check_ids (rnl_State *s, const int32_t *ids, size_t T) {
  int size = rnli_tokenizer_size(s->model->tok);
  for (size_t t = 0; t < T; t++)
    if (ids[t] < 0 || ids[t] >= size)
      return rnli_error(s->ctx, RNL_EARG, "id %ld at %zu; ids run from 0 to "
                        "%d", (long)ids[t], t, size - 1);
  return RNL_OK;
}


int rnl_state_text (rnl_State *s, const int32_t *ids, size_t T,
                    const char **text, size_t *n) {
  Collected c = {.ctx = s->ctx};
  rnli_Stream before = s->stream;
  void *kept;
  *text = "";
  *n = 0;
  int status = expect_tokenizer(s);
  if (status == RNL_OK) status = check_ids(s, ids, T);
  if (status == RNL_OK && T == 0) status = collect(s, NULL, &c);
  for (size_t t = 0; status == RNL_OK && t < T; t++)
    status = collect(s, &ids[t], &c);
  if (status != RNL_OK) {
    s->stream = before;
    rnli_put(s->ctx, c.s);
    return status;
  }
  status = borrow(s, c.s, c.n + 1, &kept);
  if (status != RNL_OK) return status;
  *text = kept;
  *n = c.n;
  return RNL_OK;
}
