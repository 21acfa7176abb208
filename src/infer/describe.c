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


enum { SHARED = 1 << 12 };   /* bytes of a block of small things */

void *rnli_keep_small (rnli_Loader *l, size_t n, size_t each) {
  size_t bytes = rnli_mul(n, each);
  if (bytes > SHARED / 8) return rnli_keep(l, n, each);
  if (bytes > l->left || !l->small) {
    l->left = 0;
    l->small = rnli_keep(l, SHARED, 1);
    if (!l->small) return NULL;
    l->left = SHARED;
  }
  char *p = l->small;
  bytes = (bytes + 7) & ~(size_t)7;
  l->small += bytes;
  l->left -= bytes;
  return p;
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

/* {== Metadata =========================================================== */

enum { MOST_VALUES = 1 << 20 };   /* of JSON */

const char *rnl_model_meta (const rnl_Model *m, const char *key) {
  return rnli_meta_value(m->text, m->meta, m->nmeta, key);
}


const char *rnli_meta (const rnli_Loader *l, const char *key) {
  return rnl_model_meta(l->model, key);
}


int rnli_meta_json (rnli_Loader *l, const char *key, const rnli_Json **out) {
  const char *text = rnli_meta(l, key);
  *out = NULL;
  if (!text) return rnli_misfit(l, "has no '%s' in its metadata", key);
  int status = rnli_json_read(l->ctx, key, text, strlen(text), MOST_VALUES,
                              out);
  if (status != RNL_EFORMAT) return status;
  return rnli_misfit_of(l, "its description is damaged: ");
}

/* }====================================================================== */

/* {== Members ============================================================ */

int64_t rnli_int (const rnli_Json *o, const char *key, int64_t least,
                  int64_t most) {
  int64_t x;
  return rnli_json_int(rnli_json_get(o, key), least, most, &x) ? x : -1;
}


/* -1: it is no truth. */
static int truth (const rnli_Json *x) {
  return rnli_json_kind(x) == RNLI_BOOL ? *(const char *)x == 't' : -1;
}


int rnli_truth (const rnli_Json *o, const char *key) {
  return truth(rnli_json_get(o, key));
}


double rnli_member (const rnli_Json *o, const char *key, double def) {
  const rnli_Json *x = rnli_json_get(o, key);
  return x ? rnli_json_number(x) : def;
}


/* Is it a list? One without members may be written as an object. */
static int is_list (const rnli_Json *x) {
  return rnli_json_kind(x) == RNLI_LIST ||
         (rnli_json_kind(x) == RNLI_OBJECT && rnli_json_count(x) == 0);
}


const rnli_Json *rnli_list (const rnli_Json *o, const char *key) {
  const rnli_Json *x = rnli_json_get(o, key);
  return is_list(x) ? x : NULL;
}


enum { WORD = 40 };   /* no word of ours has as many bytes */

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


int rnli_among (const rnli_Json *x, const char *words) {
  char text[WORD];
  if (rnli_json_kind(x) != RNLI_STRING) return -1;
  rnli_json_text(x, text, sizeof text);
  return rnli_which(words, text);
}


int rnli_numbers (const rnli_Json *list, size_t n, double least, double *to) {
  if (!is_list(list) || rnli_json_count(list) != n) return 0;
  for (const rnli_Json *x = rnli_json_first(list); x;
       x = rnli_json_next(x), to++) {
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


static int is_of_type (const char *type, const rnli_Json *x) {
  switch (*type) {
    case '?': return rnli_json_kind(x) == RNLI_BOOL;
    case '#': return rnli_json_kind(x) == RNLI_NUMBER;
    case '@': return is_list(x);
    default: return strchr(" \n", type[1]) ? rnli_json_kind(x) == RNLI_STRING
                                           : rnli_among(x, type + 1) >= 0;
  }
}


static int check_option (rnli_Loader *l, const char *path, const char *class,
                         const rnli_Json *key) {
  char name[WORD];
  const char *type;
  rnli_json_text(key, name, sizeof name);
  find_type(class, name, &type);
  if (!type)
    return rnli_misfit(l, "layer '%s' has the option '%s', which this library "
                       "does not know", path, rnli_brief(name).text);
  if (is_of_type(type, rnli_json_value(key))) return RNL_OK;
  return rnli_misfit(l, "layer '%s': option '%s' has no fitting value", path,
                     name);
}


static int check_layer (rnli_Loader *l, const rnli_Json *key) {
  const rnli_Json *layer = rnli_json_value(key);
  const rnli_Json *name = rnli_json_get(layer, "class");
  const rnli_Json *options = rnli_json_get(layer, "options");
  char class[WORD];
  const char *type;
  rnli_Brief path = rnli_json_brief(key);
  if (rnli_json_kind(name) != RNLI_STRING)
    return rnli_misfit(l, "layer '%s' is of no class", path.text);
  rnli_json_text(name, class, sizeof class);
  if (!find_type(class, "", &type))
    return rnli_misfit(l, "layer '%s' is of the class %s, which this library "
                       "does not know", path.text,
                       rnli_json_brief(name).text);
  if (rnli_json_kind(options) <= RNLI_NULL) return RNL_OK;
  if (rnli_json_kind(options) != RNLI_OBJECT &&
      (!is_list(options) || rnli_json_count(options) > 0))
    return rnli_misfit(l, "layer '%s' has options that are none", path.text);
  int status = RNL_OK;
  const rnli_Json *o = rnli_json_first(options);
  for (; status == RNL_OK && o; o = rnli_json_next(o))
    status = check_option(l, path.text, class, o);
  return status;
}


enum { LONGEST_TEXT = 1 << 20 };   /* of a description, which is searched */

int rnli_read_layers (rnli_Loader *l) {
  const char *text = rnli_meta(l, "rnnlua.layers");
  if (!text)
    return rnli_misfit(l, "has no description of its layers (rnnlua.layers): "
                       "save it with rnn.save");
  if (strlen(text) > LONGEST_TEXT)
    return rnli_misfit(l, "its description of layers is larger than 1 MiB");
  int status = rnli_meta_json(l, "rnnlua.layers", &l->layers);
  if (status == RNL_OK && rnli_json_kind(l->layers) != RNLI_OBJECT)
    status = rnli_misfit(l, "its description of layers is no object");
  const rnli_Json *x = rnli_json_first(l->layers);
  for (; status == RNL_OK && x; x = rnli_json_next(x))
    status = check_layer(l, x);
  return status;
}


const rnli_Json *rnli_layer (const rnli_Loader *l, const char *path) {
  return rnli_json_get(l->layers, path);
}


int rnli_is_class (const rnli_Json *layer, const char *names) {
  return rnli_among(rnli_json_get(layer, "class"), names) >= 0;
}


int rnli_only_layer (const rnli_Loader *l, const char *names,
                     char path[RNLI_MAX_NAME]) {
  int found = 0;
  for (const rnli_Json *x = rnli_json_first(l->layers); x;
       x = rnli_json_next(x)) {
    if (!rnli_is_class(rnli_json_value(x), names)) continue;
    rnli_json_text(x, path, RNLI_MAX_NAME);
    found++;
  }
  return found == 1;
}


int rnli_size (const rnli_Json *layer, int i) {
  const rnli_Json *sizes = rnli_json_get(layer, "sizes");
  const rnli_Json *x = rnli_json_first(sizes);
  int64_t size;
  while (x && i-- > 0) x = rnli_json_next(x);
  return rnli_json_kind(sizes) == RNLI_LIST &&
         rnli_json_int(x, 0, INT32_MAX, &size) ? (int)size : -1;
}


static const rnli_Json *option (const rnli_Json *layer, const char *name) {
  return rnli_json_get(rnli_json_get(layer, "options"), name);
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
  int x = truth(option(layer, name));
  return x < 0 ? def : x;
}


int rnli_word_of (const rnli_Json *layer, const char *name,
                  const char *words) {
  const rnli_Json *x = option(layer, name);
  return rnli_json_kind(x) == RNLI_STRING ? rnli_among(x, words) : 0;
}

/* }====================================================================== */

/* {== Tensors ============================================================ */

enum { LONGEST = 1100 };   /* bytes of "PATH.NAME" */

int rnli_tensor_find (rnli_Loader *l, const char *path, const char *name,
                      int ndim, const int *dim, rnli_Found *out) {
  char full[LONGEST];
  rnli_Stored *t = &out->t;
  snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", name);
  if (!l->tensors->find(l->from, full, t))
    return rnli_misfit(l, "tensor '%.100s' is missing", full);
  out->print = 0;
  for (const char *c = full; *c; c++)
    out->print = rnli_mix(out->print, (unsigned char)*c);
  int same = t->ndim == ndim;
  for (int i = 0; same && i < ndim; i++) same = t->dim[i] == dim[i];
  if (same) return RNL_OK;
  return rnli_misfit(l, "tensor '%.100s' is %s, its layer wants %s", full,
                     rnli_dims(t->ndim, t->dim).text,
                     rnli_dims(ndim, dim).text);
}


int rnli_tensor_part (rnli_Loader *l, const rnli_Found *from, size_t at,
                      size_t n, float *to) {
  uint64_t sum = 0;
  int status = l->tensors->read(l->from, &from->t, at, n, to);
  for (size_t i = 0; status == RNL_OK && i < n; i++) {
    uint32_t bits;
    memcpy(&bits, to + i, sizeof bits);
    sum += rnli_mix(rnli_mix(from->print, at + i), bits);
  }
  l->model->print += sum;   /* the same in any order of parts */
  return status;
}


int rnli_tensor (rnli_Loader *l, const char *path, const char *name, int ndim,
                 const int *dim, float **out) {
  rnli_Found found;
  int status = rnli_tensor_find(l, path, name, ndim, dim, &found);
  if (status != RNL_OK) return status;
  *out = rnli_keep(l, found.t.count, sizeof **out);
  if (!*out) return RNL_ENOMEM;
  return rnli_tensor_part(l, &found, 0, found.t.count, *out);
}


int rnli_tensor_once (rnli_Loader *l, const char *path, const char *name,
                      int ndim, const int *dim, float **out) {
  rnli_Found found;
  *out = NULL;
  int status = rnli_tensor_find(l, path, name, ndim, dim, &found);
  if (status != RNL_OK) return status;
  size_t bytes = rnli_mul(found.t.count, sizeof **out);
  *out = rnli_get(l->ctx, bytes);
  if (!*out) return rnli_nomem(l->ctx, "a model", bytes);
  return rnli_tensor_part(l, &found, 0, found.t.count, *out);
}

/* }====================================================================== */
