/*
** names.c - lists of names that model files have: vocabularies, labels, tags.
**
** A tag is O, or B, I, E or S with "-" and a type. Between two tags, the first
** of a sentence having O before it, there is a border if the first one is O, E
** or S, or the second one is O, B or S, or their types differ. A span is what
** lies between two borders and is not O (lua/rnn/data/spans.lua).
*/
#include <stdlib.h>

#include "infer/infer.h"

static int damaged (rnli_Loader *l, const char *key) {
  return rnli_misfit(l, "its description of %s is damaged or missing", key);
}

/* {== Vocabularies ======================================================= */

static void free_words (void *words) {
  rnl_words_free(words);
}


/* Bytes of all strings of a list; SIZE_MAX: one is none. */
static size_t text_size (const rnli_Json *list) {
  size_t bytes = 0;
  char none[1];
  for (const rnli_Json *x = rnli_json_first(list); x; x = rnli_json_next(x)) {
    if (rnli_json_kind(x) != RNLI_STRING) return SIZE_MAX;
    bytes += rnli_json_text(x, none, 1);
  }
  return bytes;
}


static int fill (rnli_Loader *l, const char *key, const rnli_Json *list,
                 int symbols, rnl_Words *w) {
  char text[RNL_MAX_WORD + 1];
  int i = 0, status = RNL_OK;
  size_t bytes = text_size(list);
  if (bytes == SIZE_MAX) return damaged(l, key);
  status = rnli_words_room(w, rnli_json_count(list), bytes);
  for (const rnli_Json *x = rnli_json_first(list); status == RNL_OK && x;
       x = rnli_json_next(x), i++) {
    size_t n = rnli_json_text(x, text, sizeof text);
    if (n > RNL_MAX_WORD ||
        (i < symbols && rnli_which("<unk>|<s>|</s>", text) != i) ||
        rnli_words_find(w, text, n) >= 0)
      return damaged(l, key);
    status = rnli_words_put(w, text, n);
  }
  if (status != RNL_OK) return status;
  return i < symbols || i == 0 || rnli_json_kind(list) != RNLI_LIST
         ? damaged(l, key) : RNL_OK;
}


int rnli_vocabulary (rnli_Loader *l, const char *key, int symbols,
                     const rnl_Words **out) {
  const rnli_Json *list;
  rnl_Words *w = NULL;
  int status = rnli_meta_json(l, key, &list);
  if (status == RNL_OK) status = rnl_words_new(l->ctx, RNL_PIECES, &w);
  if (status == RNL_OK) status = rnli_own(l, w, free_words);
  if (status == RNL_OK) status = fill(l, key, list, symbols, w);
  *out = w;
  return status;
}


int rnli_embedded (rnli_Loader *l, const char *key, int symbols,
                   const char *path, int D, const rnl_Words **out,
                   rnli_Table *t) {
  int status = rnli_vocabulary(l, key, symbols, out);
  if (status != RNL_OK) return status;
  return rnli_table(l, path, rnl_words_size(*out), D, t);
}


int32_t rnli_id_of (const rnl_Words *v, const char *s, size_t n) {
  int32_t id = rnli_words_find(v, s, n);
  return id < 0 ? 0 : id;
}

/* }====================================================================== */

/* {== Strings and labels ================================================= */

int rnli_string (rnli_Loader *l, const rnli_Json *x, const char *what,
                 const char **out) {
  if (rnli_json_kind(x) != RNLI_STRING) return damaged(l, what);
  char none[1];
  size_t room = rnli_json_text(x, none, 1) + 1;
  char *text = rnli_keep_small(l, room, 1);
  if (!text) return RNL_ENOMEM;
  rnli_json_text(x, text, room);
  *out = text;
  return RNL_OK;
}


int rnli_names (rnli_Loader *l, const rnli_Json *list, const char *what,
                size_t n, const char **name) {
  size_t bytes = text_size(list);
  if (!list || rnli_json_count(list) != n || bytes == SIZE_MAX)
    return damaged(l, what);
  bytes += n;
  char *text = rnli_keep(l, bytes, 1), *end = text + bytes;
  if (!text) return RNL_ENOMEM;
  for (const rnli_Json *x = rnli_json_first(list); x;
       x = rnli_json_next(x)) {
    *name++ = text;
    text += rnli_json_text(x, text, (size_t)(end - text)) + 1;
  }
  return RNL_OK;
}


int rnli_strings (rnli_Loader *l, const rnli_Json *list, const char *what,
                  const char *const **out, int *n) {
  size_t count = rnli_json_count(list);
  if (rnli_json_kind(list) != RNLI_LIST) return damaged(l, what);
  const char **name = rnli_keep(l, count, sizeof *name);
  if (!name) return RNL_ENOMEM;
  *out = name;
  *n = (int)count;   /* JSON has fewer values */
  return rnli_names(l, list, what, count, name);
}


int rnli_labels (rnli_Loader *l, const char *key, const char *const **out,
                 int *n) {
  const rnli_Json *list;
  int status = rnli_meta_json(l, key, &list);
  if (status == RNL_OK) status = rnli_strings(l, list, key, out, n);
  if (status == RNL_OK && *n == 0) status = damaged(l, key);
  for (int i = 1; status == RNL_OK && i < *n; i++)
    if (strcmp((*out)[i - 1], (*out)[i]) >= 0) status = damaged(l, key);
  return status;
}

/* }====================================================================== */

/* {== What a description says of labels ================================== */

int rnli_counts (const rnli_Json *o, int n) {
  const rnli_Json *counts = rnli_json_get(o, "counts");
  double rate = rnli_member(o, "smoothing", -1);
  int64_t count;
  if (rnli_json_kind(counts) != RNLI_LIST || rnli_truth(o, "weighted") < 0 ||
      !(rate >= 0 && rate < 1))
    return 0;
  for (const rnli_Json *x = rnli_json_first(counts); x;
       x = rnli_json_next(x), n--)
    if (!rnli_json_int(x, 1, INT64_MAX, &count)) return 0;
  return n == 0;
}

/* }====================================================================== */

/* {== Tags =============================================================== */

/* The prefix of a tag, one of a list; 0 if it has none. Its type may be "". */
static char split (const char *tag, const char *prefixes, const char **type) {
  size_t n = strlen(tag);
  *type = "";
  if (strcmp(tag, "O") == 0) return 'O';
  if (n == 0 || !strchr(prefixes, *tag) || (n > 1 && tag[1] != '-')) return 0;
  if (n > 2) *type = tag + 2;
  return *tag;
}


/* Takes tags apart; types that are equal get one number. */
static int split_all (rnli_Tags *tags, const char *prefixes, rnl_Words *types,
                      char *prefix, int32_t *number) {
  int status = RNL_OK;
  for (int i = 0; status == RNL_OK && i < tags->n; i++) {
    const char *type;
    prefix[i] = split(tags->name[i], prefixes, &type);
    size_t n = strlen(type);
    if (n > RNL_MAX_WORD) prefix[i] = 0;
    number[i] = 0;
    if (prefix[i] == 0 || n == 0) continue;
    if (rnli_words_find(types, type, n) < 0)
      status = rnli_words_put(types, type, n);
    number[i] = rnli_words_find(types, type, n) + 1;
  }
  return status;
}


int rnli_tags (rnli_Loader *l, const char *key, const char *prefixes,
               rnli_Tags *tags) {
  rnl_Words *types;
  int status = rnli_labels(l, key, &tags->name, &tags->n);
  if (status != RNL_OK) return status;
  char *prefix = rnli_keep(l, (size_t)tags->n, 1);
  int32_t *type = rnli_keep(l, (size_t)tags->n, sizeof *type);
  if (!prefix || !type) return RNL_ENOMEM;
  tags->prefix = prefix;
  tags->type = type;
  status = rnl_words_new(l->ctx, RNL_PIECES, &types);
  if (status == RNL_OK) status = split_all(tags, prefixes, types, prefix, type);
  rnl_words_free(types);
  return status;
}


int rnli_tags_have (const rnli_Tags *tags, char prefix) {
  return memchr(tags->prefix, prefix, (size_t)tags->n) != NULL;
}

/* }====================================================================== */

/* {== Labels of spans ==================================================== */

/* Tags that are labels as they are. */
static int same_labels (rnli_Loader *l, const rnli_Tags *tags,
                        rnli_TagLabels *labels) {
  int32_t *own = rnli_keep(l, (size_t)tags->n, sizeof *own);
  if (!own) return RNL_ENOMEM;
  for (int i = 0; i < tags->n; i++) own[i] = i;
  *labels = (rnli_TagLabels){own, own};
  l->model->label = tags->name;
  l->model->sizes.labels = tags->n;
  return RNL_OK;
}


static int by_bytes (const void *a, const void *b) {
  const char *const *x = a, *const *y = b;
  return strcmp(*x, *y);
}


/* What a tag is called with another prefix: "O" stays. */
static const char *rename_tag (const rnli_Tags *tags, int i, char prefix,
                               char **text) {
  char *name = *text;
  size_t n = strlen(tags->name[i]) + 1;
  memcpy(name, tags->name[i], n);
  if (tags->prefix[i] != 'O') *name = prefix;
  if (tags->type[i] == 0) name[1] = '\0';   /* "B-" is "B" */
  *text += n;
  return name;
}


/* Sorts names and makes them the labels of a model. */
static void set_labels (rnl_Model *m, const char **name, size_t n) {
  size_t labels = 0;
  qsort(name, n, sizeof *name, by_bytes);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || strcmp(name[labels - 1], name[i]) != 0)
      name[labels++] = name[i];
  m->label = name;
  m->sizes.labels = (int)labels;
}


static int32_t find_label (const rnl_Model *m, const char *name) {
  const char *const *at = bsearch(&name, m->label, (size_t)m->sizes.labels,
                                  sizeof *m->label, by_bytes);
  return (int32_t)(at - m->label);
}


/* Can a tag go on with a span? */
static int goes_on (const rnli_Tags *tags, int i) {
  return tags->prefix[i] == 'I' || tags->prefix[i] == 'E';
}


/* The labels are those that can come of the tags. */
static int bio_labels (rnli_Loader *l, const rnli_Tags *tags,
                       int32_t *first, int32_t *rest) {
  size_t n = (size_t)tags->n, bytes = 0;
  for (size_t i = 0; i < n; i++) bytes += 2 * (strlen(tags->name[i]) + 1);
  char *text = rnli_keep(l, bytes, 1);
  const char **name = rnli_keep(l, 2 * n, sizeof *name);
  const char **made = rnli_get(l->ctx, 2 * n * sizeof *made);
  if (!text || !name || !made) {
    rnli_put(l->ctx, made);
    return rnli_nomem(l->ctx, "labels", 2 * n * sizeof *made);
  }
  for (int i = 0; i < tags->n; i++) {
    made[2 * i] = made[2 * i + 1] = rename_tag(tags, i, 'B', &text);
    if (goes_on(tags, i)) made[2 * i + 1] = rename_tag(tags, i, 'I', &text);
  }
  memcpy(name, made, 2 * n * sizeof *name);
  set_labels(l->model, name, 2 * n);
  for (size_t i = 0; i < n; i++) {
    first[i] = find_label(l->model, made[2 * i]);
    rest[i] = find_label(l->model, made[2 * i + 1]);
  }
  rnli_put(l->ctx, made);
  return RNL_OK;
}


int rnli_tag_labels (rnli_Loader *l, const rnli_Tags *tags, int bio,
                     rnli_TagLabels *labels) {
  size_t n = (size_t)tags->n;
  if (!bio) return same_labels(l, tags, labels);
  int32_t *first = rnli_keep(l, n, sizeof *first);
  int32_t *rest = rnli_keep(l, n, sizeof *rest);
  if (!first || !rest) return RNL_ENOMEM;
  *labels = (rnli_TagLabels){first, rest};
  return bio_labels(l, tags, first, rest);
}


static int is_border (char before, char prefix) {
  return before == 'O' || before == 'E' || before == 'S' ||
         prefix == 'O' || prefix == 'B' || prefix == 'S';
}


void rnli_tags_label (const rnli_Tags *tags, const rnli_TagLabels *labels,
                      int T, int32_t *tag) {
  char before = 'O';
  int32_t type = 0;
  for (int t = 0; t < T; t++) {
    char prefix = tags->prefix[tag[t]];
    int32_t own = tags->type[tag[t]];
    tag[t] = is_border(before, prefix) || own != type ? labels->first[tag[t]]
                                                      : labels->rest[tag[t]];
    before = prefix;
    type = own;
  }
}

/* }====================================================================== */
