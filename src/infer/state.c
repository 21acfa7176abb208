/*
** state.c - states: making, copying and saving them.
*/
#include "infer/infer.h"

enum { MOST_STREAMS = 1 << 20, MOST_HISTORY = 1 << 20 };

/* {== Making ============================================================= */

static int check_streams (rnl_Context *ctx, const rnl_Model *model,
                          const rnl_Streams *o) {
  if (o->streams < 1 || o->streams > MOST_STREAMS)
    return rnli_error(ctx, RNL_EARG, "'streams' must be from 1 to %d, got %d",
                      MOST_STREAMS, o->streams);
  if (o->history < 0 || o->history > MOST_HISTORY)
    return rnli_error(ctx, RNL_EARG, "'history' must be from 0 to %d, got %d",
                      MOST_HISTORY, o->history);
  if (!model->kind->begin && o->streams > 1)
    return rnli_error(ctx, RNL_EARG, "a model of the kind '%s' has one stream",
                      model->kind->name);
  return RNL_OK;
}


int rnli_state_new (rnl_Context *ctx, rnl_Model *model, const rnl_Streams *o,
                    rnl_State **out) {
  rnl_Streams own = RNL_STREAMS;
  *out = NULL;
  if (o && !rnli_options(&own, sizeof own, o))
    return rnli_error(ctx, RNL_EARG, "the options of a state must begin with "
                      "RNL_STREAMS");
  int status = check_streams(ctx, model, &own);
  if (status != RNL_OK) return status;
  rnl_State *s = rnli_get(ctx, sizeof *s);
  if (!s) return rnli_nomem(ctx, "a state", sizeof *s);
  *s = (rnl_State){.model = model, .ctx = ctx, .lasting = {.ctx = ctx},
                   .work = {.ctx = ctx}, .text = {.ctx = ctx},
                   .N = own.streams, .history = own.history};
  rnl_context_retain(ctx);
  rnl_model_retain(model);
  if (model->kind->begin) status = model->kind->begin(s);
  if (status == RNL_OK) *out = s;
  else rnl_state_free(s);
  return status;
}


int rnl_state_new (rnl_Model *model, const rnl_Streams *o, rnl_State **out) {
  rnl_Streams all = RNL_STREAMS;
  rnl_Context *ctx;
  *out = NULL;
  if (o && !rnli_options(&all, sizeof all, o)) return RNL_EARG;
  int status = rnl_context_new(all.alloc ? all.alloc : model->alloc,
                               all.alloc ? all.ud : model->ud, &ctx);
  if (status != RNL_OK) return status;
  ctx->level = model->level;
  rnl_set_threads(ctx, 1);   /* threads are the host's own affair */
  status = rnli_state_new(ctx, model, o, out);
  rnl_context_release(ctx);
  return status;
}


void rnl_state_free (rnl_State *s) {
  if (!s) return;
  rnl_Context *ctx = s->ctx;
  rnl_model_release(s->model);
  rnl_dict_free(s->user);
  rnli_work_free(&s->text);
  rnli_work_free(&s->work);
  rnli_work_free(&s->lasting);
  rnli_put(ctx, s);
  rnl_context_release(ctx);
}


rnl_Model *rnl_state_model (const rnl_State *s) {
  return s->model;
}


const char *rnl_state_error (const rnl_State *s) {
  return rnl_errmsg(s->ctx);
}

/* }====================================================================== */

/* {== Copies ============================================================= */

int rnl_state_fork (rnl_State *s, rnl_State **out) {
  const rnl_Streams o = {.size = sizeof o, .streams = s->N,
                         .history = s->history, .alloc = s->ctx->alloc,
                         .ud = s->ctx->ud};
  int status = rnl_state_new(s->model, &o, out);
  if (status == RNL_OK) status = rnli_user_copy(s, *out);
  if (status != RNL_OK) {
    rnl_state_free(*out);
    *out = NULL;
    return rnli_error(s->ctx, status, "not enough memory for another state");
  }
  if (s->now.t) memcpy((*out)->now.t, s->now.t, s->now.bytes);
  (*out)->stream = s->stream;
  return RNL_OK;
}


/* What comes before the block of a saved state. */
typedef struct Saved {
  char magic[8];
  uint64_t print;     /* of the model */
  uint64_t bytes, digest;
  int32_t N, history;
  int32_t lanes;      /* blocks of other kernels are laid out in other ways */
  int32_t nheld, begins;
  char held[4];       /* what a stream of text holds back */
} Saved;

_Static_assert(sizeof(Saved) == 56, "no byte of it is padding");

static const char MAGIC[8] = "rnlstat1";


static uint64_t digest_of (const Saved *head, const char *block) {
  uint64_t d = rnli_mix(head->print, head->bytes), word = 0;
  d = rnli_mix(d, (uint64_t)head->nheld << 32 | (uint64_t)head->begins);
  memcpy(&word, head->held, sizeof head->held);
  d = rnli_mix(d, word);
  for (size_t i = 0; i < head->bytes; i += sizeof word) {   /* a multiple */
    memcpy(&word, block + i, sizeof word);
    d = rnli_mix(d, word);
  }
  return d;
}


static Saved head_of (const rnl_State *s) {
  Saved head = {.print = s->model->print, .bytes = s->now.bytes, .N = s->N,
                .history = s->history, .lanes = s->model->k->lanes,
                .nheld = (int32_t)s->stream.nheld,
                .begins = s->stream.begins};
  memcpy(head.magic, MAGIC, sizeof head.magic);
  memcpy(head.held, s->stream.held, sizeof s->stream.held);
  return head;
}


size_t rnl_state_size (const rnl_State *s) {
  return sizeof(Saved) + s->now.bytes;
}


void rnl_state_save (const rnl_State *s, void *to) {
  Saved head = head_of(s);
  const char *block = (const char *)s->now.t;
  head.digest = digest_of(&head, block);
  memcpy(to, &head, sizeof head);
  if (head.bytes) memcpy((char *)to + sizeof head, block, head.bytes);
}


/* Can the counts of saved streams be trusted, whoever made their digest? */
static int counts_fit (const rnl_State *s, const char *block) {
  int64_t t, seen;
  if (!s->now.t) return 1;
  memcpy(&t, block, sizeof t);
  memcpy(&seen, block + ((char *)s->now.seen - (char *)s->now.t), sizeof seen);
  return t >= 0 && t <= INT64_MAX / 2 && seen >= 0 &&
         seen <= 2 * (int64_t)s->history;
}


/* What keeps saved bytes from being a state like this one, or NULL. */
static const char *misfit (const rnl_State *s, const Saved *got,
                           const char *block) {
  Saved own = head_of(s);
  if (memcmp(got->magic, own.magic, sizeof own.magic) != 0)
    return "is no saved state of this version and machine";
  if (got->print != own.print) return "is the state of another model";
  if (got->N != own.N || got->history != own.history)
    return "has other streams or another history";
  if (got->lanes != own.lanes || got->bytes != own.bytes)
    return "was saved by other kernels; load the model with those";
  if (got->nheld < 0 || got->nheld > (int)sizeof s->stream.held ||
      got->digest != digest_of(got, block) || !counts_fit(s, block))
    return "is damaged";
  return NULL;
}


int rnl_state_restore (rnl_State *s, const void *from, size_t n) {
  Saved head;
  const char *block = (const char *)from + sizeof head, *wrong;
  if (n != rnl_state_size(s))
    return rnli_error(s->ctx, RNL_EFORMAT, "a saved state of %zu bytes cannot "
                      "be one of this model and its streams, which takes %zu",
                      n, rnl_state_size(s));
  memcpy(&head, from, sizeof head);
  wrong = misfit(s, &head, block);
  if (wrong)
    return rnli_error(s->ctx, RNL_EFORMAT, "the saved state %s", wrong);
  if (head.bytes) memcpy(s->now.t, block, head.bytes);
  memcpy(s->stream.held, head.held, sizeof s->stream.held);
  s->stream.nheld = (size_t)head.nheld;
  s->stream.begins = head.begins != 0;
  return RNL_OK;
}

/* }====================================================================== */
