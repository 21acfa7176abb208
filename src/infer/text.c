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
  rnli_put(s->ctx, ids->id);
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


/* Adds what an id means, or with NULL what was held back. */
static int collect (rnl_State *s, const int32_t *id, rnli_Text *t) {
  char *part;
  size_t n;
  int status = rnli_stream_next(&s->stream, s->ctx, id, &part, &n);
  if (status == RNL_OK) status = rnli_text_add(t, part, n);
  rnl_text_free(s->ctx, part);
  return status;
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
  rnli_Text t = {.ctx = s->ctx};
  rnli_Stream before = s->stream;
  void *kept;
  *text = "";
  *n = 0;
  int status = expect_tokenizer(s);
  if (status == RNL_OK) status = check_ids(s, ids, T);
  if (status == RNL_OK && T == 0) status = collect(s, NULL, &t);
  for (size_t i = 0; status == RNL_OK && i < T; i++)
    status = collect(s, &ids[i], &t);
  if (status == RNL_OK) status = rnli_text_add(&t, "", 1);   /* its end */
  if (status != RNL_OK) {
    s->stream = before;
    rnli_put(s->ctx, t.s);
    return status;
  }
  status = borrow(s, t.s, t.n, &kept);
  if (status != RNL_OK) return status;
  *text = kept;
  *n = t.n - 1;
  return RNL_OK;
}
