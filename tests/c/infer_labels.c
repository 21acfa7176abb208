/*
** infer_labels.c - runs models that give labels: taggers, segmenters,
** classifiers of texts and of series. Uses the public header alone.
**
**   infer_labels [-p PRECISION] [-k KERNELS] [-u WORDS] [-f] MODEL ... < IN
**
** IN is items, each a line with the number of bytes that follow it. An item is
** for a tagger lines of a word and its columns, with tabs between; for others a
** text; for series numbers. Prints for each item a line: labels, byte spans, or
** probabilities. A model that is none is a line "refused CODE: text", an item
** that fails one "error CODE: text". With -f every allocation in turn is
** refused once: prints how many there were, and exits 1 if memory was lost or a
** result changed.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnlua_infer.h"

typedef struct Item {
  char *s;              /* with a NUL behind it */
  size_t n;
} Item;

typedef struct Input {
  Item *item;
  size_t n;
  const char *user;     /* words, or NULL */
  FILE *out;            /* NULL: nothing is printed */
  unsigned long digest; /* of what would be */
} Input;

/* {== Memory that is counted ============================================= */

typedef struct Memory {
  long live;            /* blocks */
  long requests;
  long fail;            /* the request that is refused; 0: none */
} Memory;


static void *get (void *ud, void *ptr, size_t osize, size_t nsize) {
  Memory *m = (Memory *)ud;
  (void)osize;
  if (nsize == 0) {
    if (ptr) m->live--;
    free(ptr);
    return NULL;
  }
  if (++m->requests == m->fail) return NULL;
  ptr = malloc(nsize);
  if (ptr) m->live++;
  return ptr;
}

/* }====================================================================== */

/* {== Output ============================================================= */

static void put (Input *in, const char *s) {
  const char *c;
  for (c = s; *c; c++) in->digest = in->digest * 31 + (unsigned char)*c;
  if (in->out) fputs(s, in->out);
}


static void put_number (Input *in, double x) {
  char text[40];
  snprintf(text, sizeof text, "%.9g ", x);
  put(in, text);
}


static int put_error (Input *in, const char *what, int status,
                      const char *why) {
  char text[RNL_MAX_ERROR + 40];
  snprintf(text, sizeof text, "%s %d: %s\n", what, status, why);
  put(in, text);
  return status;
}

/* }====================================================================== */

/* {== Kinds ============================================================== */

/* Cuts lines of cells in place: cell[c][i] is cell c of line i. */
static int read_cells (char *s, int columns, const char ***cell) {
  int n = 0, c;
  char *line = s, *end;
  for (; *line; line = end + 1, n++) {
    char *field = line;
    end = strchr(line, '\n');
    if (!end) break;
    *end = '\0';
    for (c = 0; c < columns; c++) {
      char *tab = strchr(field, '\t');
      if (tab) *tab = '\0';
      cell[c][n] = field;
      field = tab ? tab + 1 : end;
    }
  }
  return n;
}


static int run_tagger (rnl_State *s, const rnl_Sizes *z, const Item *item,
                       Input *in) {
  int columns = z->columns + 1, i, n, status;
  char *text = (char *)malloc(item->n + 1);
  const char ***cell = (const char ***)malloc((size_t)columns * sizeof *cell);
  int32_t *tags = (int32_t *)malloc((item->n + 1) * sizeof *tags);
  memcpy(text, item->s, item->n + 1);
  for (i = 0; i < columns; i++)
    cell[i] = (const char **)malloc((item->n + 1) * sizeof **cell);
  n = read_cells(text, columns, cell);
  status = rnl_state_tag(s, cell[0], n, columns > 1
                         ? (const char *const *const *)(cell + 1) : NULL,
                         tags);
  for (i = 0; status == RNL_OK && i < n; i++) {
    put(in, rnl_model_label(rnl_state_model(s), tags[i]));
    put(in, " ");
  }
  for (i = 0; i < columns; i++) free((void *)cell[i]);
  free((void *)cell);
  free(text);
  free(tags);
  return status;
}


static int run_segmenter (rnl_State *s, const Item *item, Input *in) {
  const rnl_Span *span;
  size_t n, i;
  int status = RNL_OK;
  if (in->user) status = rnl_state_user_words(s, in->user, strlen(in->user));
  if (status == RNL_OK)
    status = rnl_state_segment(s, item->s, item->n, &span, &n);
  for (i = 0; status == RNL_OK && i < n; i++) {
    char text[60];
    snprintf(text, sizeof text, "%lu-%lu ", (unsigned long)span[i].from,
             (unsigned long)span[i].to);
    put(in, text);
  }
  return status;
}


static int run_series (rnl_State *s, const rnl_Sizes *z, const Item *item,
                       float *p) {
  double *x = (double *)malloc((item->n + 1) * sizeof *x);
  char *at = item->s, *end;
  int n = 0, status;
  for (;; at = end) {
    x[n] = strtod(at, &end);
    if (end == at) break;
    n++;
  }
  status = rnl_state_classify_series(s, x, n / z->columns, p);
  free(x);
  return status;
}


static int run_item (rnl_State *s, const Item *item, Input *in) {
  const char *kind = rnl_model_kind(rnl_state_model(s));
  rnl_Sizes z;
  int i, status = RNL_OK;
  float *p;
  rnl_model_sizes(rnl_state_model(s), &z);
  p = (float *)malloc((size_t)(z.labels + 1) * sizeof *p);
  if (strcmp(kind, "tagger") == 0) status = run_tagger(s, &z, item, in);
  else if (strcmp(kind, "segmenter") == 0) status = run_segmenter(s, item, in);
  else {
    status = strcmp(kind, "seriesclassifier") == 0
             ? run_series(s, &z, item, p)
             : rnl_state_classify(s, item->s, item->n, p);
    for (i = 0; status == RNL_OK && i < z.labels; i++)
      put_number(in, (double)p[i]);
  }
  free(p);
  if (status != RNL_OK)
    return put_error(in, "error", status, rnl_state_error(s));
  put(in, "\n");
  return RNL_OK;
}

/* }====================================================================== */

/* {== Models ============================================================= */

/* Loads a model and runs all items; what was wrong is printed. */
static int run_model (const char *path, const rnl_Load *load, Input *in) {
  char why[RNL_MAX_ERROR];
  rnl_Model *model;
  rnl_State *s, *other;
  size_t i;
  int status = rnl_model_load(path, load, &model, why);
  if (status != RNL_OK) return put_error(in, "refused", status, why);
  status = rnl_state_new(model, NULL, &s);
  if (status == RNL_OK) status = rnl_state_fork(s, &other);
  rnl_model_release(model);
  if (status != RNL_OK) {
    rnl_state_free(s);
    return put_error(in, "refused", status, "no state");
  }
  for (i = 0; i < in->n; i++) {
    int one = run_item(i % 2 ? other : s, &in->item[i], in);
    if (one != RNL_OK) status = one;
  }
  rnl_state_free(s);
  rnl_state_free(other);
  return status;
}


/* Refuses each allocation in turn. */
static int refuse_all (const char *path, rnl_Load *load, Input *in) {
  Memory m = {0, 0, 0};
  unsigned long good;
  int refused = 0;
  load->alloc = get;
  load->ud = &m;
  in->out = NULL;
  in->digest = 0;
  run_model(path, load, in);
  good = in->digest;
  for (m.fail = 1;; m.fail++) {
    m.requests = 0;
    in->digest = 0;
    run_model(path, load, in);
    if (m.live != 0) {
      printf("%ld blocks are lost when request %ld fails\n", m.live, m.fail);
      return 1;
    }
    if (m.requests < m.fail) break;
    refused++;
  }
  printf("%d refused, %s\n", refused, in->digest == good ? "the same after"
                                                         : "other results");
  return in->digest != good;
}

/* }====================================================================== */

static char *read_all (FILE *file, size_t *n) {
  size_t room = 1 << 16, got;
  char *s = (char *)malloc(room);
  *n = 0;
  while ((got = fread(s + *n, 1, room - *n - 1, file)) > 0) {
    *n += got;
    if (*n + 1 == room) s = (char *)realloc(s, room *= 2);
  }
  s[*n] = '\0';
  return s;
}


static char *read_file (const char *path) {
  size_t n;
  FILE *file = fopen(path, "rb");
  char *s = file ? read_all(file, &n) : NULL;
  if (file) fclose(file);
  return s;
}


/* Cuts what was read into items. */
static void read_items (char *s, size_t n, Input *in) {
  char *at = s;
  in->item = (Item *)malloc((n + 1) * sizeof *in->item);
  while (at < s + n) {
    char *end;
    size_t size = strtoul(at, &end, 10);
    Item *item = &in->item[in->n++];
    item->s = (char *)malloc(size + 1);
    item->n = size;
    memcpy(item->s, end + 1, size);
    item->s[size] = '\0';
    at = end + 1 + size;
  }
}


int main (int argc, char **argv) {
  rnl_Load load = RNL_LOAD;
  Input in = {NULL, 0, NULL, stdout, 0};
  size_t n;
  char *text = read_all(stdin, &n), *user = NULL;
  int i, fails = 0, bad = 0;
  read_items(text, n, &in);
  for (i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-p") == 0) load.precision = argv[++i];
    else if (strcmp(argv[i], "-k") == 0) load.kernels = argv[++i];
    else if (strcmp(argv[i], "-u") == 0) in.user = user = read_file(argv[++i]);
    else if (strcmp(argv[i], "-f") == 0) fails = 1;
    else if (fails) bad |= refuse_all(argv[i], &load, &in);
    else run_model(argv[i], &load, &in);
  }
  for (n = 0; n < in.n; n++) free(in.item[n].s);
  free(in.item);
  free(user);
  free(text);
  return bad;
}
