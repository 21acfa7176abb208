/*
** describe.c - the description of a model's layers, and its tensors. Nothing in
** a file is trusted.
*/
#include <math.h>
#include <stdio.h>

#include "infer/infer.h"

int rnli_misfit (rnli_Loader *l, const char *fmt, ...) {
  char text[300];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return rnli_error(l->ctx, RNL_EFORMAT, "%.200s: %s", l->name, text);
}

int rnli_misfit_of (rnli_Loader *l, const char *what) {
  char text[sizeof l->ctx->err];
  memcpy(text, l->ctx->err, sizeof text);
  return rnli_misfit(l, "%s%.200s", what, text);
}

/* {== Memory ============================================================= */

enum { HEAD = 64 };   /* of a block */

_Static_assert(sizeof(rnli_Kept) <= HEAD, "block head fits");

void *rnli_keep (rnli_Loader *l, size_t n, size_t each) {
  size_t bytes = rnli_add(rnli_mul(n, each), HEAD);
  char *block = rnli_get(l->ctx, bytes);
  if (!block) {
    rnli_nomem(l->ctx, "a model", bytes);
    return NULL;
  }
  *(rnli_Kept *)(void *)block = (rnli_Kept){l->model->kept, NULL, NULL};
  l->model->kept = (rnli_Kept *)(void *)block;
  return block + HEAD;
}


void *rnli_made (rnli_Loader *l, size_t size) {
  void *made = rnli_keep(l, 1, size);
  if (made) memset(made, 0, size);
  return l->model->made = made;
}


int rnli_own (rnli_Loader *l, void *thing, void (*let_go) (void *)) {
  if (!rnli_keep(l, 0, 0)) {
    let_go(thing);
    return RNL_ENOMEM;
  }
  l->model->kept->thing = thing;
  l->model->kept->let_go = let_go;
  return RNL_OK;
}

/* }====================================================================== */

enum { MOST_VALUES = 1 << 20 };   /* of JSON */

/* {== Metadata =========================================================== */

const char *rnl_model_meta (const rnl_Model *m, const char *key) {
  for (int i = 0; i < m->nmeta; i++)
    if (strcmp(m->meta[i].key, key) == 0) return m->meta[i].value;
  return NULL;
}


const char *rnli_meta (const rnli_Loader *l, const char *key) {
  return rnl_model_meta(l->model, key);
}


int rnli_meta_json (rnli_Loader *l, const char *key, rnli_Json **out) {
  const char *text = rnli_meta(l, key);
  *out = NULL;
  if (!text) return rnli_misfit(l, "has no '%s' in its metadata", key);
  int status = rnli_json_read(l->ctx, key, text, strlen(text), MOST_VALUES,
                              out);
  if (status != RNL_EFORMAT) return status;
  return rnli_misfit_of(l, "its description is damaged: ");
}


int rnli_numbers (const rnli_Json *list, size_t n, double least, double *to) {
  if (!list || list->n != n ||
      (list->kind != RNLI_LIST && (list->kind != RNLI_OBJECT || n > 0)))
    return 0;
  for (const rnli_Json *x = list->first; x; x = x->next, to++) {
    if (x->kind != RNLI_INT && x->kind != RNLI_DOUBLE) return 0;
    *to = rnli_json_number(x);
    if (!(*to > least)) return 0;
  }
  return 1;
}

/* }====================================================================== */

/* {== Layers ============================================================= */

/*
** The options that layers of a class may have: those of all rows that name it.
** They are followed by what they are: ? a truth, # a number, @ a list, $ a
** word, of these if any. Other options do what is not known.
*/
static const char rows[] =
  "Embedding dropout# freeze?\n"
  "Linear bias?\n"
  "TiedLinear\n"
  "AdaptiveSoftmax cutoffs@ div_value# head_bias?\n"
  "SampledSoftmax samples# bias?\n"
  "Dropout p# locked?\n"
  "LSTM|GRU|RNN num_layers# bias? batch_first? dropout# bidirectional? "
    "precision$ recompute? locked_dropout# weight_drop# residual? "
    "learned_state? zoneout# recurrent_init$ recurrent_gain#\n"
  "LSTM|GRU gate_activation$sigmoid|hard_sigmoid\n"
  "LSTM forget_bias# peephole? layer_norm? proj_size# coupled? zoneout_c#\n"
  "GRU reset$after|before\n"
  "RNN|ClockworkRNN nonlinearity$tanh|relu\n"
  "ClockworkRNN periods@ bias? batch_first?\n"
  "Conv1d stride# padding# dilation# bias? causal?\n"
  "Pool kind$mean|max|last\n"
  "AttentionPool hidden#\n"
  "Attention kind$additive|dot|general|scaled_dot size#\n"
  "MultiheadAttention bias? dropout# kdim# vdim# causal? weights?\n"
  "MLP activation$relu|gelu|tanh|sigmoid|leaky_relu dropout# bias?\n"
  "CRF constraints@\n";


/* Words end before a space, the end of a row or that of the string. */
int rnli_which (const char *words, const char *s) {
  size_t len = s ? strlen(s) : 0;
  for (int i = 0; s; i++) {
    size_t n = strcspn(words, "| \n");
    if (n == len && memcmp(words, s, n) == 0) return i;
    if (words[n] != '|') break;
    words += n + 1;
  }
  return -1;
}


/* What the option 'name' of a row is; NULL: there is none. */
static const char *type_in (const char *row, const char *name) {
  while (*(row += strcspn(row, " \n")) == ' ') {
    size_t n = strcspn(++row, "?#@$");
    if (strlen(name) == n && memcmp(row, name, n) == 0) return row + n;
  }
  return NULL;
}


/*
** Is there the class? What its option 'name' is goes to '*type', NULL: it has
** none.
*/
static int find_type (const char *class, const char *name, const char **type) {
  int known = 0;
  *type = NULL;
  for (const char *row = rows; *row && !*type; row = strchr(row, '\n') + 1) {
    if (rnli_which(row, class) < 0) continue;
    known = 1;
    *type = type_in(row, name);
  }
  return known;
}


/* Is a string one of the words, if there are any? */
static int is_among (const char *words, const rnli_Json *x) {
  return *words == ' ' || *words == '\n' || rnli_which(words, x->s) >= 0;
}


static int is_of_type (const char *type, const rnli_Json *x) {
  switch (*type) {
    case '?': return x->kind == RNLI_BOOL;
    case '#': return x->kind == RNLI_INT || x->kind == RNLI_DOUBLE;
    case '@': return x->kind == RNLI_LIST ||
                     (x->kind == RNLI_OBJECT && !x->first);   /* no elements */
    default: return x->kind == RNLI_STRING && is_among(type + 1, x);
  }
}


static int check_option (rnli_Loader *l, const rnli_Json *layer,
                         const char *class, const rnli_Json *o) {
  const char *type;
  find_type(class, o->key, &type);
  if (!type)
    return rnli_misfit(l, "layer '%.80s' has the option '%.40s', which this "
                       "library does not know", layer->key, o->key);
  if (!is_of_type(type, o))
    return rnli_misfit(l, "layer '%.80s': option '%.40s' has no fitting value",
                       layer->key, o->key);
  return RNL_OK;
}


static int check_layer (rnli_Loader *l, const rnli_Json *layer) {
  const rnli_Json *name = rnli_json_get(layer, "class");
  const rnli_Json *options = rnli_json_get(layer, "options");
  const char *type;
  if (!name || name->kind != RNLI_STRING)
    return rnli_misfit(l, "layer '%.80s' is of no class", layer->key);
  if (!find_type(name->s, "", &type))
    return rnli_misfit(l, "layer '%.80s' is of the class %.40s, which this "
                       "library does not know", layer->key, name->s);
  if (!options || options->kind == RNLI_NULL) return RNL_OK;
  if (options->kind != RNLI_OBJECT && (options->kind != RNLI_LIST ||
                                       options->first))
    return rnli_misfit(l, "layer '%.80s' has options that are none",
                       layer->key);
  int status = RNL_OK;
  for (const rnli_Json *o = options->first; status == RNL_OK && o; o = o->next)
    status = check_option(l, layer, name->s, o);
  return status;
}


int rnli_read_layers (rnli_Loader *l) {
  if (!rnli_meta(l, "rnnlua.layers"))
    return rnli_misfit(l, "has no description of its layers (rnnlua.layers): "
                       "save it with rnn.save");
  int status = rnli_meta_json(l, "rnnlua.layers", &l->layers);
  if (status == RNL_OK && l->layers->kind != RNLI_OBJECT)
    status = rnli_misfit(l, "its description of layers is no object");
  const rnli_Json *layer = status == RNL_OK ? l->layers->first : NULL;
  for (; status == RNL_OK && layer; layer = layer->next)
    status = check_layer(l, layer);
  return status;
}


const rnli_Json *rnli_layer (const rnli_Loader *l, const char *path) {
  return rnli_json_get(l->layers, path);
}


int rnli_is_class (const rnli_Json *layer, const char *names) {
  const rnli_Json *name = rnli_json_get(layer, "class");
  return name && rnli_which(names, name->s) >= 0;
}


const rnli_Json *rnli_only_layer (const rnli_Loader *l, const char *names,
                                  const char **path) {
  const rnli_Json *found = NULL;
  for (const rnli_Json *x = l->layers->first; x; x = x->next) {
    if (!rnli_is_class(x, names)) continue;
    if (found) return NULL;
    found = x;
    *path = x->key;
  }
  return found;
}


int rnli_size (const rnli_Json *layer, int i) {
  const rnli_Json *x = rnli_json_get(layer, "sizes");
  for (x = x && x->kind == RNLI_LIST ? x->first : NULL; x && i > 0; i--)
    x = x->next;
  return x && x->kind == RNLI_INT && x->i >= 0 && x->i <= INT32_MAX
         ? (int)x->i : -1;
}


static const rnli_Json *option (const rnli_Json *layer, const char *name) {
  return rnli_json_get(rnli_json_get(layer, "options"), name);
}


double rnli_member (const rnli_Json *o, const char *name, double def) {
  const rnli_Json *x = rnli_json_get(o, name);
  if (!x) return def;
  if (x->kind == RNLI_INT) return (double)x->i;
  return x->kind == RNLI_DOUBLE ? x->x : (double)NAN;
}


double rnli_number_of (const rnli_Json *layer, const char *name, double def) {
  return rnli_member(rnli_json_get(layer, "options"), name, def);
}


int rnli_whole_of (const rnli_Json *layer, const char *name, int def,
                   int least, int most) {
  double x = rnli_number_of(layer, name, def);
  return x >= least && x <= most && x == (int)x ? (int)x : -1;
}


int rnli_flag_of (const rnli_Json *layer, const char *name, int def) {
  const rnli_Json *x = option(layer, name);
  return x && x->kind == RNLI_BOOL ? x->i != 0 : def;
}


int rnli_word_of (const rnli_Json *layer, const char *name,
                  const char *words) {
  const rnli_Json *x = option(layer, name);
  return x && x->kind == RNLI_STRING ? rnli_which(words, x->s) : 0;
}

/* }====================================================================== */

/* {== Tensors ============================================================ */

enum { LONGEST = 1100 };   /* bytes of "PATH.NAME" */

static const char *tensor_name (char *to, const char *path,
                                const char *name) {
  snprintf(to, LONGEST, "%s%s%s", path, *path ? "." : "", name);
  return to;
}


/* Checks the shape of a tensor; its count goes to '*n'. */
static int expect (rnli_Loader *l, const char *name, int ndim,
                   const int *want, size_t *n) {
  int got_ndim;
  const int *got;
  *n = rnli_product(ndim, want);
  if (!l->tensors->shape(l->from, name, &got_ndim, &got))
    return rnli_misfit(l, "tensor '%.100s' is missing", name);
  int same = got_ndim == ndim;
  for (int i = 0; same && i < ndim; i++) same = got[i] == want[i];
  if (same) return RNL_OK;
  return rnli_misfit(l, "tensor '%.100s' is %s, its layer wants %s", name,
                     rnli_dims(got_ndim, got).text,
                     rnli_dims(ndim, want).text);
}


/*
** Reads n numbers from 'at' on, and takes them into what tells this model from
** others, which does not depend on the order of such parts.
*/
static int read_part (rnli_Loader *l, const char *name, size_t at, size_t n,
                      float *to) {
  uint64_t own = 0, sum = 0;
  int status = l->tensors->read(l->from, name, at, n, to);
  for (const char *c = name; *c; c++) own = rnli_mix(own, (unsigned char)*c);
  for (size_t i = 0; status == RNL_OK && i < n; i++) {
    uint32_t bits;
    memcpy(&bits, to + i, sizeof bits);
    sum += rnli_mix(rnli_mix(own, at + i), bits);
  }
  l->model->print += sum;
  return status;
}


int rnli_tensor_is (rnli_Loader *l, const char *path, const char *name,
                    int ndim, const int *dim) {
  char full[LONGEST];
  size_t n;
  return expect(l, tensor_name(full, path, name), ndim, dim, &n);
}


int rnli_tensor (rnli_Loader *l, const char *path, const char *name, int ndim,
                 const int *dim, float **out) {
  char full[LONGEST];
  size_t n;
  tensor_name(full, path, name);
  int status = expect(l, full, ndim, dim, &n);
  if (status != RNL_OK) return status;
  *out = rnli_keep(l, n, sizeof **out);
  return *out ? read_part(l, full, 0, n, *out) : RNL_ENOMEM;
}


int rnli_tensor_once (rnli_Loader *l, const char *path, const char *name,
                      int ndim, const int *dim, float **out) {
  char full[LONGEST];
  size_t n;
  *out = NULL;
  tensor_name(full, path, name);
  int status = expect(l, full, ndim, dim, &n);
  if (status != RNL_OK) return status;
  *out = rnli_get(l->ctx, rnli_mul(n, sizeof **out));
  if (!*out) return rnli_nomem(l->ctx, "a model", rnli_mul(n, sizeof **out));
  return read_part(l, full, 0, n, *out);
}


int rnli_tensor_part (rnli_Loader *l, const char *path, const char *name,
                      size_t at, size_t n, float *to) {
  char full[LONGEST];
  return read_part(l, tensor_name(full, path, name), at, n, to);
}

/* }====================================================================== */
