/*
** tape.c - the list of ops that ran, and the walk back.
**
** The tape owns each recorded call, and through it the outputs: closing the
** tape releases them in the reverse order. Order of execution is topological
** order, so backward needs no sort. It first takes memory for every gradient
** it will write, then runs, so it cannot fail half way. A tensor is 'wanted'
** between the two.
*/
#include <string.h>

#include "core/core.h"

struct rnl_Tape {
  rnl_Context *ctx;
  rnl_Call **call;
  size_t length;
  size_t capacity;
};


int rnl_tape_open (rnl_Context *ctx, rnl_Tape **out) {
  *out = NULL;
  if (ctx->tape)
    return rnli_error(ctx, RNL_ESTATE, "a tape is already open; close it "
                      "before opening another");
  rnl_Tape *tape = rnli_get(ctx, sizeof *tape);
  if (!tape) return rnli_nomem(ctx, "a tape", sizeof *tape);
  *tape = (rnl_Tape){.ctx = ctx};
  rnl_context_retain(ctx);
  *out = ctx->tape = tape;
  return RNL_OK;
}


rnl_Tape *rnl_tape (rnl_Context *ctx) {
  return ctx->tape;
}


size_t rnl_tape_length (const rnl_Tape *tape) {
  return tape->length;
}


int rnli_tape_reserve (rnl_Tape *tape) {
  if (tape->length < tape->capacity) return RNL_OK;
  size_t capacity = tape->capacity ? 2 * tape->capacity : 64;
  size_t bytes = rnli_mul(capacity, sizeof *tape->call);
  rnl_Call **call = rnli_get(tape->ctx, bytes);
  if (!call) return rnli_nomem(tape->ctx, "the tape", bytes);
  if (tape->length)
    memcpy(call, tape->call, tape->length * sizeof *call);
  rnli_put(tape->ctx, tape->call);
  tape->call = call;
  tape->capacity = capacity;
  return RNL_OK;
}


static uint64_t stamp (const rnl_Call *c) {
  uint64_t sum = 0;
  for (int i = 0; i < c->nin; i++)
    if (c->in[i]) sum += rnli_root(c->in[i])->version;
  if (c->seen) sum += rnli_root(c->seen)->version;
  return sum;
}


const rnl_Call *rnli_made_by (const rnl_Call *c, int i, const rnl_Op *op) {
  const rnl_Tensor *t = c->in[i];
  if (!c->recording || !t || !t->taped || t->base || t->version > 0)
    return NULL;
  const rnl_Call *made = t->made;
  if (made->op != op || !made->recording || stamp(made) != made->stamp)
    return NULL;
  return made;
}


void rnli_tape_record (rnl_Tape *tape, rnl_Call *c) {
  c->stamp = stamp(c);
  tape->call[tape->length++] = c;
}

/* {== Backward =========================================================== */

/* Does a gradient reach an output of 'c'? First pass: will one? */
static int arrived (const rnl_Call *c) {
  for (int i = 0; c->op->out[i]; i++)
    if (c->out[i]->has_grad || c->out[i]->wanted) return 1;
  return 0;
}


static int check_loss (rnl_Tape *tape, rnl_Tensor *loss) {
  rnl_Context *ctx = tape->ctx;
  if (loss->serial == 0 || !loss->taped)
    return rnli_error(ctx, RNL_ESTATE,
                      "backward: the loss was not computed under this tape");
  if (loss->count != 1)
    return rnli_error(ctx, RNL_ESHAPE, "backward: the loss must have one "
                      "element, got %s; reduce it with sum or mean",
                      rnli_shape(loss).text);
  if (!loss->needs_grad)
    return rnli_error(ctx, RNL_ESTATE,
                      "backward: the loss does not depend on any parameter");
  return RNL_OK;
}


/* Takes the gradients one call will write. */
static int want_inputs (rnl_Call *c, rnl_Tensor **spare) {
  if (stamp(c) != c->stamp)
    return rnli_fail(c, RNL_ESTATE, "an input was changed after the op read "
                     "it; call backward before opt:step");
  for (int i = 0; i < c->nin; i++) {
    if (!c->in[i] || !c->in[i]->needs_grad) continue;
    int status = rnli_want_grad(c->in[i], spare);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}


/*
** When the walk has passed a call, nobody reads the gradients of its outputs
** any more: calls before it may have their memory.
*/
static void retire_outputs (rnl_Call *c, rnl_Tensor **spare) {
  for (int i = 0; c->op->out[i]; i++) {
    rnl_Tensor *grad = c->out[i]->grad;
    if (!grad) continue;
    grad->next = *spare;
    *spare = grad;
  }
}


/* All gradients this walk will write, and the largest scratch it needs. */
static int want_all (rnl_Tape *tape, rnl_Tensor *loss, void **scratch) {
  size_t bytes = 0;
  rnl_Tensor *spare = NULL;
  *scratch = NULL;
  int status = rnli_want_grad(loss, &spare);
  for (size_t i = tape->length; status == RNL_OK && i-- > 0;) {
    rnl_Call *c = tape->call[i];
    if (!c->recording || !arrived(c)) continue;
    status = want_inputs(c, &spare);
    if (status == RNL_OK) retire_outputs(c, &spare);
    if (c->back_bytes > bytes) bytes = c->back_bytes;
  }
  if (status != RNL_OK || !bytes) return status;
  *scratch = rnli_get(tape->ctx, bytes);
  return *scratch ? RNL_OK : rnli_nomem(tape->ctx, "backward", bytes);
}


static void begin_grad (rnl_Tensor *t) {
  t->wanted = 0;
  if (t->has_grad) return;
  rnli_clear(t->ctx, t->grad->data,
             t->count * rnl_dtype_size((rnl_Dtype)t->dtype));
  t->has_grad = 1;
}


static void call_backward (rnl_Call *c, void *scratch) {
  for (int i = 0; i < c->nin; i++)
    if (c->in[i] && c->in[i]->needs_grad) begin_grad(c->in[i]);
  c->scratch = scratch;
  c->op->backward(c);
  c->scratch = NULL;
}


static void walk (rnl_Tape *tape, rnl_Tensor *loss, void *scratch) {
  begin_grad(loss);
  if (loss->dtype == RNL_F64) *(double *)loss->grad->data = 1.0;
  else *(float *)loss->grad->data = 1.0f;
  for (size_t i = tape->length; i-- > 0;) {
    rnl_Call *c = tape->call[i];
    if (c->recording && arrived(c)) call_backward(c, scratch);
  }
}


/* Gradients of outputs do not outlast a walk, nor wishes one that failed. */
static void after_walk (rnl_Tape *tape) {
  for (size_t i = 0; i < tape->length; i++) {
    rnl_Call *c = tape->call[i];
    for (int k = 0; k < c->nin; k++)
      if (c->in[k]) c->in[k]->wanted = 0;
    for (int k = 0; c->op->out[k]; k++) {
      rnl_Tensor *t = c->out[k];
      rnl_release(t->grad);
      t->grad = NULL;
      t->has_grad = t->wanted = 0;
    }
  }
}


int rnl_backward (rnl_Tape *tape, rnl_Tensor *loss) {
  int status = check_loss(tape, loss);
  if (status != RNL_OK) return status;
  void *scratch;
  status = want_all(tape, loss, &scratch);
  if (status == RNL_OK) walk(tape, loss, scratch);
  rnli_put(tape->ctx, scratch);
  after_walk(tape);
  return status;
}

/* }====================================================================== */


void rnl_tape_close (rnl_Tape *tape) {
  if (!tape) return;
  rnl_Context *ctx = tape->ctx;
  while (tape->length > 0) rnli_call_free(tape->call[--tape->length]);
  rnli_put(ctx, tape->call);
  rnli_put(ctx, tape);
  ctx->tape = NULL;
  rnl_context_release(ctx);
}
