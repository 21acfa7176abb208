/*
** spelling.c - words as models read them: looked up, and spelt by a recurrent
** layer or a convolution over their characters (lua/rnn/models/words.lua).
*/
#include "infer/infer.h"

int rnli_word_id (rnl_State *s, const rnl_Words *v, const char *word, size_t n,
                  int32_t *id) {
  char *folded;
  size_t len;
  int status = rnli_text_folded(s->ctx, word, n, &folded, &len);
  if (status != RNL_OK) return status;
  *id = rnli_id_of(v, folded, len);
  rnl_text_free(s->ctx, folded);
  return RNL_OK;
}


/* An LSTM that reads in both directions. */
static int load_net (rnli_Loader *l, rnli_Spelt *p) {
  int status = RNL_OK;
  if (rnli_is_class(rnli_layer(l, "char_rnn"), "LSTM"))
    status = rnli_recurrent(l, "char_rnn", p->embed.D, NULL, &p->net);
  if (status != RNL_OK) return status;
  if (p->net.dirs != 2)
    return rnli_misfit(l, "has no layer 'char_rnn' or 'char_cnn' that reads "
                       "characters");
  p->F = 2 * p->net.S;
  return RNL_OK;
}


int rnli_spelt (rnli_Loader *l, rnli_Spelt *p) {
  *p = (rnli_Spelt){.F = 0};
  if (!rnli_meta(l, "chars")) return RNL_OK;
  int status = rnli_embedded(l, "chars", 1, "char_embed", -1, &p->chars,
                             &p->embed);
  if (status != RNL_OK) return status;
  p->convolves = rnli_layer(l, "char_cnn") != NULL;
  if (!p->convolves) return load_net(l, p);
  if (rnli_layer(l, "char_rnn"))
    return rnli_misfit(l, "has both layers, 'char_rnn' and 'char_cnn'");
  status = rnli_conv(l, "char_cnn", p->embed.D, &p->conv);
  if (status == RNL_OK && p->conv.stride != 1)
    return rnli_misfit(l, "its layer 'char_cnn' passes over characters");
  p->F = p->conv.F;
  return status;
}


/* The characters of a word, embedded (T,D). */
static int embed (rnl_State *s, const rnli_Spelt *p, const char *word,
                  size_t n, float **x, int *T) {
  rnli_Spans chars = {.ctx = s->ctx};
  size_t D = (size_t)p->embed.D;
  int status = rnli_units_chars(word, n, RNLI_MAX_SPELT, &chars);
  *T = (int)chars.n;
  *x = status == RNL_OK ? rnli_floats(&s->work, chars.n, D) : NULL;
  for (size_t i = 0; *x && i < chars.n; i++) {
    int32_t id = rnli_id_of(p->chars, word + chars.span[i].at,
                            chars.span[i].n);
    memcpy(*x + i * D, p->embed.row + (size_t)id * D, D * sizeof **x);
  }
  rnli_put(s->ctx, chars.span);
  return *x ? RNL_OK : RNL_ENOMEM;
}


/* The largest of what the convolution gives. */
static int convolve (rnl_State *s, const rnli_Spelt *p, const float *x, int T,
                     float *y) {
  const rnli_Pooling max = {.F = p->F, .kind = RNLI_POOL_MAX};
  float *z = rnli_floats(&s->work, (size_t)T, (size_t)p->F);
  if (!z) return RNL_ENOMEM;
  int status = rnli_conv_run(s->model, &p->conv, &s->work, x, T, z);
  if (status != RNL_OK) return status;
  return rnli_pooling_run(s->model, &max, &s->work, z, T, y);
}


/* The last states of both directions. */
static int recur (rnl_State *s, const rnli_Spelt *p, const float *x, int T,
                  float *y) {
  float *h, *z = rnli_floats(&s->work, (size_t)T, (size_t)p->F);
  if (!z) return RNL_ENOMEM;
  int status = rnli_run_once(s->model, &p->net, &s->work, T, x, z, &h);
  if (status == RNL_OK) memcpy(y, h, (size_t)p->F * sizeof *y);
  return status;
}


int rnli_spelt_run (rnl_State *s, const rnli_Spelt *p, const char *word,
                    size_t n, float *y) {
  rnli_Mark mark = rnli_work_mark(&s->work);
  float *x;
  int T, status = embed(s, p, word, n, &x, &T);
  if (status != RNL_OK) return status;
  status = p->convolves ? convolve(s, p, x, T, y) : recur(s, p, x, T, y);
  rnli_work_back(&s->work, mark);
  return status;
}
