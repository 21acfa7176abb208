/*
** lm.c - the kinds that are stepped: "lm", a language model, and "net", which
** reads numbers.
**
** A file of no kind is taken for one of them by its layers, whatever their
** names: one Embedding, one recurrent layer and one that scores, or without the
** Embedding.
*/
#include "infer/infer.h"

#define RECURRENT "LSTM|GRU|RNN|ClockworkRNN"
#define HEADS "Linear|TiedLinear|AdaptiveSoftmax|SampledSoftmax"

/* Where the layers of a model are. */
typedef struct Paths {
  char embed[RNLI_MAX_NAME], net[RNLI_MAX_NAME], head[RNLI_MAX_NAME];
  int embeds;                 /* it reads ids */
} Paths;


/* By the names of kind "lm", or by class; 0 when they are not there. */
static int find_paths (const rnli_Loader *l, Paths *p) {
  p->embeds = 1;
  memcpy(p->embed, "embed", sizeof "embed");
  memcpy(p->net, "rnn", sizeof "rnn");
  memcpy(p->head, "out", sizeof "out");
  if (rnli_meta(l, "rnnlua.kind")) return 1;
  p->embeds = rnli_only_layer(l, "Embedding", p->embed);
  return rnli_only_layer(l, RECURRENT, p->net) &&
         rnli_only_layer(l, HEADS, p->head);
}


const rnli_Kind *rnli_kind_of (rnli_Loader *l) {
  Paths p;
  if (!find_paths(l, &p)) return NULL;
  return p.embeds ? &rnli_kind_lm : &rnli_kind_net;
}


/* Do the layers fit each other? */
static int fits (const rnli_Steps *s) {
  return s->net.dirs == 1 && s->net.S == s->head.H &&
         (s->embed.row == NULL || s->embed.D == s->net.D);
}


static int load (rnli_Loader *l, const Paths *p, rnli_Steps *s) {
  rnl_Sizes *sizes = &l->model->sizes;
  const rnli_Table *embed = p->embeds ? &s->embed : NULL;
  int status = RNL_OK;
  if (embed) status = rnli_table(l, p->embed, -1, -1, &s->embed);
  if (status == RNL_OK)
    status = rnli_recurrent(l, p->net, embed ? embed->D : -1, embed, &s->net);
  if (status == RNL_OK) status = rnli_head(l, p->head, embed, &s->head);
  if (status != RNL_OK) return status;
  if (!fits(s) || (embed && embed->V == 0))
    return rnli_misfit(l, "its layers '%s' and '%s' do not fit each other",
                       p->net, p->head);
  sizes->outputs = s->head.U;
  if (embed) sizes->ids = s->embed.V;
  else sizes->inputs = s->net.D;
  return RNL_OK;
}


static int load_steps (rnli_Loader *l) {
  Paths p;
  rnli_Steps *s = rnli_made(l, sizeof *s);
  if (!s) return RNL_ENOMEM;
  if (!find_paths(l, &p))
    return rnli_misfit(l, "is no model that can be stepped");
  return load(l, &p, s);
}


/*
** The tokenizer, if there is one, has as many ids as are read, and those it
** knows are scored.
*/
static int load_tokenizer (rnli_Loader *l, const char *spec) {
  rnl_Model *m = l->model;
  int status = rnli_tokenizer_new(l->ctx, spec, strlen(spec),
                                  (size_t)m->sizes.ids, &m->tok);
  if (status == RNL_EFORMAT) return rnli_misfit_of(l, "");
  if (status != RNL_OK) return status;
  if (rnli_tokenizer_size(m->tok) == m->sizes.ids &&
      rnli_tokenizer_usable(m->tok) == m->sizes.outputs)
    return RNL_OK;
  return rnli_misfit(l, "has %d inputs and %d outputs, its tokenizer has %d "
                     "and %d", m->sizes.ids, m->sizes.outputs,
                     rnli_tokenizer_size(m->tok),
                     rnli_tokenizer_usable(m->tok));
}


static int load_lm (rnli_Loader *l) {
  const char *spec = rnli_meta(l, "tokenizer");
  int status = load_steps(l);
  return status == RNL_OK && spec ? load_tokenizer(l, spec) : status;
}


const rnli_Kind rnli_kind_lm = {"lm", load_lm, rnli_streams_begin};
const rnli_Kind rnli_kind_net = {"net", load_steps, rnli_streams_begin};
