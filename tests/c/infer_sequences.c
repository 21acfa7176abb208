/*
** infer_sequences.c - runs models that translate or tell of series, for the
** specs that compare them with the Lua program:
**     infer_sequences MODEL COMMAND [PRECISION]
** with numbers and texts on stdin. The commands stand in 'commands'. Lines of
** text begin with what was returned, if that is an error.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnlua_infer.h"

enum { LINE = 1 << 16 };

/* {== Input ============================================================== */

static void die (const char *what) {
  fprintf(stderr, "infer_sequences: %s\n", what);
  exit(1);
}


static void *get (size_t n, size_t each) {
  void *p = calloc(n ? n : 1, each);
  if (!p) die("no memory");
  return p;
}


static double number (void) {
  double x;
  char word[64], *end;
  if (scanf("%63s", word) != 1) die("a number is missing");
  x = strtod(word, &end);
  if (*end) die(word);
  return x;
}


static int integer (void) {
  return (int)number();
}


static double *numbers (size_t n) {
  double *x = get(n, sizeof *x);
  size_t i;
  for (i = 0; i < n; i++) x[i] = number();
  return x;
}


/* A line without its end, or NULL. */
static char *line_of (char *to, FILE *from) {
  if (!fgets(to, LINE, from)) return NULL;
  to[strcspn(to, "\n")] = '\0';
  return to;
}


static void print (const double *x, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) printf("%.17g\n", x[i]);
}


/* Tells what is wrong; 0 when nothing is. */
static int told (rnl_State *s, int status) {
  if (status != RNL_OK) printf("%d %s\n", status, rnl_state_error(s));
  return status != RNL_OK;
}

/* }====================================================================== */

/* {== Translations ======================================================= */

static void show_attention (const rnl_Translation *t, int S) {
  size_t i;
  for (i = 0; t->attention && i < (size_t)(t->ntokens + 1) * (size_t)S; i++)
    printf(" %.9g", (double)t->attention[i]);
}


/*
** Options on the first line: width n normalise alpha beta min_length ratio
** length copy attention. Then texts, or with 'cut' lists of tokens with tabs
** between them. Of each result: score, log p, "full" or "end", the text; the
** tokens; the attention.
*/
static void translate_all (rnl_State *s, int cut) {
  static char line[LINE], norm[16];
  static const char *token[LINE];
  rnl_Translate o = RNL_TRANSLATE;
  if (scanf("%d %d %15s %lf %lf %d %lf %d %d %d\n", &o.width, &o.n, norm,
            &o.alpha, &o.beta, &o.min_length, &o.ratio, &o.length, &o.copy,
            &o.attention) != 10)
    die("options are missing");
  o.normalise = norm;
  while (line_of(line, stdin)) {
    const rnl_Translation *t;
    int n = 0, i, k, status;
    char *at = line;
    while (cut && *line && at) {
      token[n++] = at;
      at = strchr(at, '\t');
      if (at) *at++ = '\0';
    }
    status = cut ? rnl_state_translate_tokens(s, &o, token, n, &t, &k)
                 : rnl_state_translate(s, &o, line, strlen(line), &t, &k);
    if (told(s, status)) continue;
    printf("%d\n", k);
    for (i = 0; i < k; i++) {
      int j;
      printf("%.17g %.17g %s %s\n", t[i].score, t[i].logp,
             t[i].full ? "length" : "end", t[i].text);
      if (strlen(t[i].text) != t[i].n) die("a text has another length");
      for (j = 0; j < t[i].ntokens; j++)
        printf("%s%s", j ? "\t" : "", t[i].tokens[j]);
      printf("\n");
      show_attention(&t[i], n + 1);
      printf("\n");
    }
  }
}


static void translate_texts (rnl_State *s) {
  translate_all(s, 0);
}


static void translate_tokens (rnl_State *s) {
  translate_all(s, 1);
}

/* }====================================================================== */

/* {== Series ============================================================= */

static rnl_Outlook outlook_of (rnl_State *s) {
  rnl_Outlook o;
  rnl_model_outlook(rnl_state_model(s), &o);
  return o;
}


static void outlook (rnl_State *s) {
  const rnl_Model *m = rnl_state_model(s);
  rnl_Outlook o = outlook_of(s);
  rnl_Sizes sizes;
  int i;
  rnl_model_sizes(m, &sizes);
  printf("%d %d %d %d %d %d %d %d %d\n", o.targets, o.inputs, o.known, o.times,
         o.rows, o.horizon, o.series, o.quantiles, o.judges);
  for (i = 0; i < sizes.columns; i++) printf("%s\n", rnl_model_column(m, i));
  for (i = 0; i < o.series; i++) printf("%s\n", rnl_model_label(m, i));
  for (i = 0; i < o.quantiles; i++) printf("%g\n", o.quantile[i]);
}


/*
** Asks in lines "NAME H PATHS SEED T", with - for no name and 0 for no seed;
** then the numbers of values, ahead and times. Prints the forecasts, and the
** quantiles behind them.
*/
static void forecast (rnl_State *s) {
  rnl_Outlook o = outlook_of(s);
  size_t C = (size_t)(o.targets + o.inputs + o.known);
  char name[64];
  while (scanf("%63s", name) == 1) {
    rnl_Series ask = RNL_SERIES;
    rnl_Rng rng;
    size_t T, H, seed;
    double *values, *ahead, *times, *y, *q;
    ask.name = strcmp(name, "-") == 0 ? NULL : name;
    ask.horizon = integer();
    ask.paths = integer();
    seed = (size_t)number();
    ask.T = integer();
    T = (size_t)ask.T;
    H = (size_t)(ask.horizon > 0 ? ask.horizon : o.horizon);
    values = numbers(T * C);
    ahead = numbers(H * (size_t)o.known);
    times = numbers(o.times ? T + H : 0);
    y = get(H * (size_t)o.targets, sizeof *y);
    q = get(H * (size_t)o.targets * (size_t)o.quantiles, sizeof *q);
    ask.values = values;
    ask.ahead = o.known ? ahead : NULL;
    ask.times = o.times ? times : NULL;
    rnl_rng_seed(&rng, seed);
    ask.rng = seed ? &rng : NULL;
    if (!told(s, rnl_state_forecast(s, &ask, y, ask.paths == 1 ? NULL : q))) {
      print(y, H * (size_t)o.targets);
      if (ask.paths != 1)
        print(q, H * (size_t)o.targets * (size_t)o.quantiles);
    }
    free(values), free(ahead), free(times), free(y), free(q);
  }
}


/* Windows, one after the other. */
static void rebuild (rnl_State *s) {
  rnl_Outlook o = outlook_of(s);
  size_t n = (size_t)o.rows * (size_t)o.targets;
  int count = integer();
  while (count-- > 0) {
    double *x = numbers(n), *y = get(n, sizeof *y);
    if (!told(s, rnl_state_rebuild(s, x, y))) print(y, n);
    free(x), free(y);
  }
}


/* T, values and times; prints scores and flags. */
static void judge (rnl_State *s) {
  rnl_Outlook o = outlook_of(s);
  size_t T = (size_t)number(), t;
  double *x = numbers(T * (size_t)(o.targets + o.inputs + o.known));
  double *times = o.times ? numbers(T) : NULL;
  double *score = get(T, sizeof *score);
  unsigned char *flag = get(T, 1);
  if (!told(s, rnl_state_judge(s, x, times, (int)T, score, flag)))
    for (t = 0; t < T; t++) printf("%.17g %d\n", score[t], flag[t]);
  free(x), free(times), free(score), free(flag);
}

/* }====================================================================== */

/* {== Any model ========================================================== */

static void run_seq2seq (rnl_State *s, int *status) {
  static const char *const texts[] = {"a b c", "", "zz \xff q", "\xEA\xB0\x81"};
  rnl_Translate o = RNL_TRANSLATE;
  const rnl_Translation *t;
  int n;
  size_t i;
  for (i = 0; *status == RNL_OK && i < 4; i++)
    *status = rnl_state_translate(s, &o, texts[i], strlen(texts[i]), &t, &n);
}


static void run_series (rnl_State *s, int *status) {
  rnl_Outlook o = outlook_of(s);
  size_t T = (size_t)o.rows + 2 * (size_t)(o.horizon > 0 ? o.horizon : 2), i;
  size_t C = (size_t)(o.targets + o.inputs + o.known);
  size_t H = 2 * (size_t)o.horizon;
  double *x = get((T + 1) * C, sizeof *x), *y, *q;
  unsigned char *flag = get(T, 1);
  for (i = 0; i < T * C; i++) x[i] = 1.5 + sin((double)i);
  if (o.horizon > 0) {
    rnl_Series ask = RNL_SERIES;
    double *ahead = get(H * (size_t)o.known, sizeof *ahead);
    double *times = get(T + H, sizeof *times);
    y = get(H * (size_t)o.targets, sizeof *y);
    q = get(H * (size_t)o.targets * (size_t)o.quantiles, sizeof *q);
    ask.values = x;
    ask.T = (int)T;
    ask.ahead = ahead;
    ask.times = times;
    ask.name = rnl_model_label(rnl_state_model(s), 0);
    ask.horizon = (int)H;
    ask.paths = 7;
    *status = rnl_state_forecast(s, &ask, y, q);
    if (*status == RNL_OK && o.judges)
      *status = rnl_state_judge(s, x, times, (int)T, x, flag);
    free(ahead), free(times), free(y), free(q);
  } else if (o.rows > 0) {
    *status = rnl_state_rebuild(s, x, x);
    if (*status == RNL_OK && o.judges)
      *status = rnl_state_judge(s, x, NULL, (int)T, x, flag);
  }
  free(x), free(flag);
}


/* Does something with a model of any kind that is told of here. */
static int use (rnl_Model *m, const rnl_Streams *streams, char *why) {
  const char *kind = rnl_model_kind(m);
  rnl_State *s;
  int status = rnl_state_new(m, streams, &s), round;
  strcpy(why, "no state");
  if (status != RNL_OK) return status;
  for (round = 0; status == RNL_OK && round < 2; round++) {
    if (strcmp(kind, "seq2seq") == 0) run_seq2seq(s, &status);
    else run_series(s, &status);
  }
  strcpy(why, rnl_state_error(s));
  rnl_state_free(s);
  return status;
}


/* Uses files whose paths are on stdin; a line of each. */
static void try_files (void) {
  static char path[LINE];
  while (line_of(path, stdin)) {
    char why[RNL_MAX_ERROR] = "";
    rnl_Model *m;
    int status = rnl_model_load(path, NULL, &m, why);
    if (status == RNL_OK) {
      status = use(m, NULL, why);
      rnl_model_release(m);
      printf("%d runs: %s\n", status, status == RNL_OK ? "fine" : why);
    } else {
      printf("%d %s\n", status, why);
    }
  }
}


/* Memory that is refused from the k-th request on, or once. */
typedef struct Starved {
  long k, live;
  int once;
} Starved;


static void *starved (void *ud, void *ptr, size_t osize, size_t nsize) {
  Starved *m = ud;
  (void)osize;
  if (nsize == 0) {
    m->live -= ptr != NULL;
    free(ptr);
    return NULL;
  }
  if (m->k <= 0 && !(m->once && m->k < 0)) {
    m->k--;
    return NULL;
  }
  m->k--;
  ptr = malloc(nsize);
  m->live += ptr != NULL;
  return ptr;
}


/* Refuses each request in turn; prints how many there are. */
static void starve (const char *path) {
  long k;
  int once;
  for (once = 0; once < 2; once++)
    for (k = 0;; k++) {
      Starved memory = {0, 0, 0};
      rnl_Load load = RNL_LOAD;
      char why[RNL_MAX_ERROR] = "";
      rnl_Model *m;
      int status;
      memory.k = k;
      memory.once = once;
      load.alloc = starved;
      load.ud = &memory;
      status = rnl_model_load(path, &load, &m, why);
      if (status == RNL_OK) {
        status = use(m, NULL, why);
        rnl_model_release(m);
      }
      if (memory.live != 0) die("memory is lost");
      if (status == RNL_OK && memory.k > 0) break;
      if (status != RNL_OK && status != RNL_ENOMEM) die(why);
      if (status == RNL_ENOMEM && !*why) die("no text");
    }
  printf("%ld\n", k);
}

/* }====================================================================== */

static const struct Command {
  const char *name;
  void (*run) (rnl_State *s);
} commands[] = {
  {"texts", translate_texts}, {"tokens", translate_tokens},
  {"outlook", outlook}, {"forecast", forecast}, {"rebuild", rebuild},
  {"judge", judge}
};


int main (int argc, char **argv) {
  char why[RNL_MAX_ERROR];
  rnl_Load load = RNL_LOAD;
  rnl_Model *m;
  rnl_State *s;
  size_t i;
  if (argc < 3) die("MODEL COMMAND [PRECISION]");
  if (strcmp(argv[2], "try") == 0) return try_files(), 0;
  if (strcmp(argv[2], "starve") == 0) return starve(argv[1]), 0;
  load.precision = argc > 3 ? argv[3] : NULL;
  if (rnl_model_load(argv[1], &load, &m, why) != RNL_OK) die(why);
  if (rnl_state_new(m, NULL, &s) != RNL_OK) die("no state");
  for (i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(commands[i].name, argv[2]) == 0) commands[i].run(s);
  rnl_state_free(s);
  rnl_model_release(m);
  return 0;
}
