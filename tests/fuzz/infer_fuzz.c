/*
** infer_fuzz.c - model files that somebody has changed, for the library of
** rnnlua_infer.h: each is an error with a text, or a model that runs; nothing
** is left behind, and loading takes memory in proportion to the file.
** Usage: infer_fuzz N SEED MODEL...
** tries files that somebody made up, then N changed models. With -DLIBFUZZER,
** and clang -fsanitize=fuzzer, it is libFuzzer's: infer_fuzz FOLDER.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"
#include "models.h"

/*
** What loading may take: so much for each byte of the file, and room that does
** not depend on it (of 1000 layers, and for numbers on their way).
*/
enum { TIMES = 2, BASE = 1 << 20 };

enum { MOST = 256 << 20, HANG = 60 };   /* bytes of a run; seconds of one */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);


static void broken (const char *what, size_t n) {
  fprintf(stderr, "infer_fuzz: %s (%zu)\n", what, n);
  abort();
}


static void need (int ok, const char *what, size_t n) {
  if (!ok) broken(what, n);
}

/* {== Memory ============================================================= */

/* Up to MOST bytes; a file that asks for more has to bear a refusal. */
static void *fuzz_alloc (void *ud, void *ptr, size_t osize, size_t nsize) {
  Ledger *l = ud;
  if (nsize > MOST - l->live) return NULL;
  return ledger_alloc(l, ptr, osize, nsize);
}

/* }====================================================================== */

/* {== Running a model ==================================================== */

enum { LABELS = 4096 };   /* at most, of models that are run */

static const char TEXT[] = "ab cd B\xc3\xa4r \xe4\xbb\x96\xe6\x9d\xa5\xff";

static void run_streams (rnl_State *s, const rnl_Sizes *z) {
  const int32_t *ids, swap[2] = {1, 0};
  int32_t id[2] = {0, 0}, drawn[8];
  rnl_Rng rng[2];
  rnl_State *fork = NULL;
  const char *text;
  size_t n;
  rnl_rng_seed(&rng[0], 1);
  rnl_rng_seed(&rng[1], 2);
  for (int t = 0; t < 3; t++) {
    if (z->ids) rnl_state_step(s, id);
    if (!z->inputs) continue;
    float *x = calloc((size_t)z->inputs, 2 * sizeof *x);
    if (x) rnl_state_put(s, x);
    free(x);
  }
  if (z->ids && rnl_state_sample(s, NULL, rng, 4, drawn) == RNL_OK)
    rnl_state_text(s, drawn, 8, &text, &n);
  rnl_state_encode(s, TEXT, sizeof TEXT - 1, &ids, &n);
  rnl_state_prime(s, TEXT, 5);
  rnl_state_select(s, swap);
  if (rnl_state_fork(s, &fork) != RNL_OK) return;
  void *saved = malloc(rnl_state_size(s));
  rnl_state_save(s, saved);
  need(rnl_state_restore(fork, saved, rnl_state_size(s)) == RNL_OK,
       "a saved state was refused", 0);
  free(saved);
  rnl_state_free(fork);
}


static void run_tagger (rnl_State *s, const rnl_Sizes *z) {
  static const char *const words[] = {"She", "sees", "\xff\xfe"};
  const char *const *columns[64];
  int32_t tags[3];
  if (z->columns > 64) return;
  for (int i = 0; i < z->columns; i++) columns[i] = words;
  if (rnl_state_tag(s, words, 3, columns, tags) != RNL_OK) return;
  for (int i = 0; i < 3; i++)
    need(rnl_model_label(rnl_state_model(s), tags[i]) != NULL, "no such tag",
         (size_t)tags[i]);
}


static void run_segmenter (rnl_State *s) {
  const rnl_Span *spans;
  size_t count;
  rnl_state_user_words(s, "\xe4\xbb\x96\xe6\x9d\xa5 9 n\n", 11);
  if (rnl_state_segment(s, TEXT, sizeof TEXT - 1, &spans, &count) != RNL_OK)
    return;
  for (size_t i = 0; i < count; i++)
    need(spans[i].from < spans[i].to && spans[i].to < sizeof TEXT,
         "a span that is none", i);
}


static void run_classifier (rnl_State *s, const rnl_Sizes *z) {
  static const double values[512];
  static float p[LABELS];
  if (z->labels > LABELS) return;
  rnl_state_classify(s, TEXT, sizeof TEXT - 1, p);
  if (z->columns <= 64) rnl_state_classify_series(s, values, 8, p);
}


static void run_translator (rnl_State *s) {
  rnl_Translate o = RNL_TRANSLATE;
  const rnl_Translation *out;
  int n;
  o.width = 2;
  o.length = 4;
  rnl_state_translate(s, &o, TEXT, sizeof TEXT - 1, &out, &n);
}


/* Of forecasters and autoencoders that want few numbers. */
static void run_series (rnl_State *s, const rnl_Outlook *look) {
  static double values[4096], times[512], y[4096], q[8192];
  static unsigned char flags[512];
  int64_t C = (int64_t)look->targets + look->inputs + look->known;
  int T = look->rows > 200 ? 200 : look->rows + 2;
  rnl_Series series = RNL_SERIES;
  for (int i = 0; i < 512; i++) times[i] = 3600.0 * i;
  if (C * (T + 4) > 4096 || look->quantiles > 64) return;
  series.values = series.ahead = values;
  series.times = times;
  series.T = T;
  series.horizon = 2;
  series.paths = 2;
  series.name = rnl_model_label(rnl_state_model(s), 0);
  if ((int64_t)look->targets * look->quantiles <= 4096)
    rnl_state_forecast(s, &series, y, q);
  rnl_state_judge(s, values, times, T, y, flags);
  if ((int64_t)look->rows * look->targets <= 4096)
    rnl_state_rebuild(s, values, y);
}


static void run (rnl_Model *m) {
  const char *kind = rnl_model_kind(m);
  int stepped = strcmp(kind, "lm") == 0 || strcmp(kind, "net") == 0;
  rnl_Streams o = RNL_STREAMS;
  rnl_Outlook look;
  rnl_Sizes z;
  rnl_State *s;
  o.streams = stepped ? 2 : 1;
  rnl_model_sizes(m, &z);
  if (rnl_state_new(m, &o, &s) != RNL_OK) return;
  if (stepped) run_streams(s, &z);
  run_tagger(s, &z);
  run_segmenter(s);
  run_classifier(s, &z);
  run_translator(s);
  if (rnl_model_outlook(m, &look) == RNL_OK) run_series(s, &look);
  rnl_state_free(s);
}

/* }====================================================================== */

static size_t most_over;        /* bytes beyond TIMES the file's */
static unsigned long loaded;    /* models that ran */


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n) {
  char why[RNL_MAX_ERROR] = "";
  Ledger l = {0};
  rnl_Load load = RNL_LOAD;
  rnl_Model *m;
  load.alloc = fuzz_alloc;
  load.ud = &l;
  load.precision = n % 4 == 1 ? "int8" : n % 4 == 2 ? "bf16" : "full";
  int status = rnl_model_read(data, n, &load, &m, why);
  if (l.peak > TIMES * n + most_over) most_over = l.peak - TIMES * n;
  need(l.peak <= TIMES * n + BASE, "loading took too much", l.peak);
  need((status == RNL_OK) == (m != NULL), "status and model disagree", 0);
  if (m) {
    loaded++;
    run(m);
    rnl_model_release(m);
  } else {
    need(status == RNL_EFORMAT || status == RNL_ENOMEM, "another status",
         (size_t)-status);
    need(*why != '\0' && strlen(why) < sizeof why, "no text", 0);
  }
  need(l.live == 0 && l.blocks == 0, "memory is left behind", l.live);
  return 0;
}

#ifndef LIBFUZZER

/* {== Changing a file ==================================================== */

/* A file with room to grow; n bytes, of which 8 + head are not of tensors. */
typedef struct File {
  unsigned char *p;
  size_t n, head, room;
} File;

static rnl_Rng rng;


static size_t below (size_t n) {
  return n ? (size_t)(rnl_rng_next(&rng) % n) : 0;
}


/* Bytes [at, at + old) of the header become those of a word. */
static void splice (File *f, size_t at, size_t old, const char *word,
                    size_t new) {
  if (old > f->head - at) old = f->head - at;
  if (f->n - old + new > f->room) return;
  unsigned char *to = f->p + 8 + at;
  memmove(to + new, to + old, f->n - (8 + at + old));
  memcpy(to, word, new);
  f->n = f->n - old + new;
  f->head = f->head - old + new;
}


/* The next run of digits, or of what stands in quotes, from 'at' on. */
static size_t find (const File *f, size_t at, int quoted, size_t *n) {
  const unsigned char *p = f->p + 8;
  while (at < f->head && (quoted ? p[at] != '"' : p[at] < '0' || p[at] > '9'))
    at++;
  *n = 0;
  if (quoted && at < f->head) at++;
  while (at + *n < f->head &&
         (quoted ? p[at + *n] != '"' : p[at + *n] >= '0' && p[at + *n] <= '9'))
    ++*n;
  return at;
}


static const char *const number[] = {
  "0", "1", "2", "3", "4", "5", "7", "8", "16", "64", "255", "1000", "65536",
  "1048576",
  "134217727", "1073741824", "2147483647", "2147483648", "4294967296",
  "9007199254740993", "9223372036854775807", "18446744073709551615", "-1",
  "1.5", "1e9", "1e308", "1e-320", "true", "null", "\"x\"", "[]", "{}", "[0]"
};

static const char *const word[] = {
  "LSTM", "GRU", "RNN", "ClockworkRNN", "Linear", "TiedLinear", "Embedding",
  "AdaptiveSoftmax", "Conv1d", "Attention", "MLP", "CRF", "Dropout", "before",
  "relu", "num_layers", "bidirectional", "proj_size", "periods", "cutoffs",
  "learned_state", "residual", "layer_norm", "peephole", "weight", "bias",
  "lm", "net", "tagger", "segmenter", "classifier", "seriesclassifier",
  "seq2seq", "forecaster", "autoencoder", "char :", "byte", "word :", "bpe :",
  "grapheme :", "dict :", "F16", "BF16", "F64", "I64", "U8", "", "\\\\u0000",
  "\\\"", "\xff", "rnnlua.kind", "rnnlua.layers", "tokenizer"
};

#define PICK(list) list[below(sizeof list / sizeof *list)]


/* Every number that is the same as one becomes another: sizes that agree. */
static void renumber (File *f) {
  char old[24];
  size_t n, at = find(f, below(f->head), 0, &n);
  const char *new = number[below(8)];
  if (n == 0 || n >= sizeof old) return;
  memcpy(old, f->p + 8 + at, n);
  for (at = 0; at < f->head; at++) {
    size_t m;
    at = find(f, at, 0, &m);
    if (m == n && memcmp(f->p + 8 + at, old, n) == 0) {
      splice(f, at, m, new, strlen(new));
      m = strlen(new);
    }
    at += m;
  }
}


static void change_number (File *f) {
  size_t n, at = find(f, below(f->head), 0, &n);
  const char *to = PICK(number);
  splice(f, at, n, to, strlen(to));
}


/* A word in quotes becomes one of ours, or another of the file. */
static void change_word (File *f) {
  char other[64];
  size_t n, m, at = find(f, below(f->head), 1, &n);
  size_t from = find(f, below(f->head), 1, &m);
  const char *to = PICK(word);
  if (below(2) && m < sizeof other) {
    memcpy(other, f->p + 8 + from, m);
    splice(f, at, n, other, m);
  } else {
    splice(f, at, n, to, strlen(to));
  }
}


/* A piece of the header goes, or comes again elsewhere. */
static void change_piece (File *f) {
  char piece[64];
  size_t n = below(sizeof piece), from = below(f->head), at = below(f->head);
  if (n > f->head - from) n = f->head - from;
  memcpy(piece, f->p + 8 + from, n);
  if (below(2)) splice(f, from, n, "", 0);
  else splice(f, at, below(2) ? n : 0, piece, n);
}


static void change_data (File *f) {
  static const uint32_t bits[] = {0, 0x7f800000, 0xff800000, 0x7fc00000,
                                  0x7f7fffff, 0xff7fffff, 1, 0x3f800000};
  size_t data = 8 + f->head, room = f->n - data;
  if (room < 4) return;
  for (size_t k = below(4) ? 1 : room / 4; k > 0; k--)
    memcpy(f->p + data + below(room / 4) * 4, &PICK(bits), 4);
}


static void set_head (File *f, uint64_t head) {
  for (int i = 0; i < 8; i++) f->p[i] = (unsigned char)(head >> 8 * i);
}


/* One to four changes; the header's length is told as it is, mostly. */
static void change (File *f) {
  uint64_t wrong[] = {0, 1, f->head + 1, f->n, UINT64_MAX, rnl_rng_next(&rng)};
  for (size_t k = 1 + below(4); k > 0; k--)
    switch (below(12)) {
      case 0: case 1: case 2: change_number(f); break;
      case 3: case 4: change_word(f); break;
      case 5: case 6: change_piece(f); break;
      case 7: case 8: renumber(f); break;
      case 9: change_data(f); break;
      case 10: f->p[8 + below(f->n - 8)] ^= (unsigned char)(1u << below(8));
               break;
      default: f->p[8 + below(f->head)] = (unsigned char)rnl_rng_next(&rng);
    }
  set_head(f, below(200) ? f->head : PICK(wrong));
  if (below(50) == 0) f->n = below(f->n);
}

/* }====================================================================== */

/* {== Files ============================================================== */

/* A model, whose checksum of data gets a name that nobody looks at. */
static File read_model (const char *path) {
  static const char key[] = "rnnlua.digest";
  File f = {NULL, 0, 0, 0};
  FILE *from = fopen(path, "rb");
  if (!from || fseek(from, 0, SEEK_END) != 0) {
    perror(path);
    exit(1);
  }
  f.n = (size_t)ftell(from);
  f.room = f.n + 4096;
  f.p = malloc(f.room);
  rewind(from);
  need(f.p && fread(f.p, 1, f.n, from) == f.n, path, f.n);
  fclose(from);
  for (int i = 0; i < 8; i++) f.head |= (size_t)f.p[i] << 8 * i;
  for (size_t i = 0; i + sizeof key <= f.head; i++)
    if (memcmp(f.p + 8 + i, key, sizeof key - 1) == 0) f.p[8 + i] = 'x';
  return f;
}


static void try_hostile (void) {
  for (int i = 0; i < CASES; i++)
    for (int fill = 0; fill < 256; fill += 0x3f) {
      unsigned char *p = hostile_file(cases[i].header, cases[i].n,
                                      cases[i].data, fill);
      LLVMFuzzerTestOneInput(p, 8 + cases[i].n + cases[i].data);
      free(p);
    }
}



static void try_dense (void) {
  for (int i = 0; i < DENSES; i++)
    for (int N = 1000; N < 65536; N += N / 3) {
      size_t n;
      unsigned char *p = hostile_dense(&denses[i], N, &n);
      LLVMFuzzerTestOneInput(p, n);
      free(p);
    }
}

/* }====================================================================== */


int main (int argc, char **argv) {
  int models = argc - 3;
  if (models < 1) {
    fprintf(stderr, "usage: infer_fuzz N SEED MODEL...\n");
    return 2;
  }
  long times = strtol(argv[1], NULL, 10);
  File *model = calloc((size_t)models, sizeof *model), f = {NULL, 0, 0, 0};
  rnl_rng_seed(&rng, strtoull(argv[2], NULL, 10));
  try_hostile();
  try_dense();
  need(loaded == 0, "a file that is no model was one", loaded);
  for (int i = 0; i < models; i++) {
    model[i] = read_model(argv[3 + i]);
    LLVMFuzzerTestOneInput(model[i].p, model[i].n);
    need(loaded == (size_t)i + 1, argv[3 + i], model[i].n);
  }
  for (long i = 0; i < times; i++) {
    const File *of = &model[below((size_t)models)];
    alarm(HANG);
    f.p = realloc(f.p, f.room = of->room);
    memcpy(f.p, of->p, f.n = of->n);
    f.head = of->head;
    change(&f);
    unsigned char *exact = malloc(f.n);   /* a byte beyond it would show */
    memcpy(exact, f.p, f.n);
    LLVMFuzzerTestOneInput(exact, f.n);
    free(exact);
  }
  printf("%ld changed models, %lu of them ran; at most %zu KiB beyond twice "
         "the file\n", times, loaded - (size_t)models, most_over >> 10);
  for (int i = 0; i < models; i++) free(model[i].p);
  free(model);
  free(f.p);
  return 0;
}

#endif
