/*
** rnnlua_infer.h - trained models inside C and C++ programs: without Lua,
** without BLAS, without threads. libc and libm are all it needs.
**
**     rnl_Model *model;
**     rnl_State *s;
**     char why[RNL_MAX_ERROR];
**     if (rnl_model_load("model.safetensors", NULL, &model, why) != RNL_OK)
**       return puts(why), 1;
**     rnl_state_new(model, NULL, &s);
**     rnl_Rng rng;
**     rnl_rng_seed(&rng, 1);
**     rnl_state_prime(s, "The ", 4);            // reads it
**     for (int i = 0; i < 500; i++) {
**       const char *text;
**       size_t n;
**       int32_t id;
**       if (rnl_state_sample(s, NULL, &rng, 1, &id) != RNL_OK) break;
**       rnl_state_text(s, &id, 1, &text, &n);   // whole characters only
**       fwrite(text, 1, n, stdout);
**     }
**     rnl_state_free(s);
**     rnl_model_release(model);
**
** A model never changes once it is loaded: any number of threads may use it at
** once. A state holds all that changes, and its own memory; one thread at a
** time may use it. Reading a token, or numbers, with rnl_state_step and what is
** built on it takes no memory, no lock and no call of the system, and the same
** work each time: 2 floating point operations for each weight that is read
** (rnl_model_sizes tells their bytes). Whole texts and series take memory when
** one is longer than any before.
**
** Every function that can fail returns RNL_OK or a negative status; after an
** error the state is as it was, and rnl_state_error tells what was wrong.
** Nothing is printed, nothing exits, there are no variables that all share.
** Model files are not trusted: a bad one is an error with a text. Numbers are
** those of the Lua program with the same model, and so is text that is drawn
** with the same seed. Letters: T steps, N streams, D inputs, H units, V ids
** that are read, U outputs. Ids, labels and columns count from 0.
*/
#ifndef RNNLUA_INFER_H
#define RNNLUA_INFER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(RNL_STATIC)
#define RNL_API static
#elif defined(__GNUC__)
#define RNL_API __attribute__((visibility("default")))
#else
#define RNL_API
#endif

/* {== Version and status ================================================ */

#define RNL_VERSION "0.1.0"  /* the only place it is written */

enum {
  RNL_OK = 0,
  RNL_ENOMEM = -1,     /* memory was refused; the text tells how much */
  RNL_EARG = -2,       /* an option, axis, id or count no call accepts */
  RNL_ESHAPE = -3,     /* shapes that do not fit each other */
  RNL_EDTYPE = -4,     /* a tensor of another dtype than the op takes */
  RNL_ESTATE = -5,     /* not now, or not this kind of model */
  RNL_EIO = -6,        /* the system refused: path and reason in the text */
  RNL_EFORMAT = -7,    /* a file or text that is not what it should be */
  RNL_EDIVERGED = -8   /* a gradient or a score is not finite */
};

/* Version of the library in use, "MAJOR.MINOR.PATCH". */
RNL_API const char *rnl_version (void);

/*
** Allocator hook in the manner of lua_Alloc: nsize 0 frees 'ptr' (of 'osize'
** bytes) and returns NULL; otherwise 'ptr' is NULL and 'nsize' bytes, aligned
** for any C object, are returned, or NULL when there are none.
*/
typedef void *(*rnl_Alloc) (void *ud, void *ptr, size_t osize, size_t nsize);

/* }====================================================================== */

/* {== Random numbers ===================================================== */

/*
** xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
** generators", 2018), seeded through splitmix64.
*/
typedef struct rnl_Rng {
  uint64_t s[4];
} rnl_Rng;

RNL_API void rnl_rng_seed (rnl_Rng *rng, uint64_t seed);
RNL_API uint64_t rnl_rng_next (rnl_Rng *rng);      /* 64 random bits */
RNL_API double rnl_rng_uniform (rnl_Rng *rng);     /* [0,1), 53 bits */
RNL_API double rnl_rng_normal (rnl_Rng *rng);      /* mean 0, variance 1 */

/* }====================================================================== */

/* {== Drawing ============================================================ */

/*
** How an id is drawn from the scores of all. In this order: the scores of ids
** among the last 'window' ones are made smaller, l / penalty above 0 and
** l * penalty below (Keskar et al. 2019); all are divided by the temperature;
** of the ids only the top_k likeliest stay; of these the fewest that together
** have top_p of their probability (Holtzman et al. 2020), at least one; of
** these the ones that are at least min_p times as likely as the likeliest.
** Between equal scores the lower id comes first.
*/
typedef struct rnl_Draw {
  double temperature;      /* 0: the likeliest id */
  int top_k;               /* 0: all */
  double top_p;            /* in (0,1]; 1: all */
  double min_p;            /* in [0,1]; 0: all */
  double penalty;          /* above 0; 1: none, more makes repeats rarer */
  int window;              /* 0 or more */
} rnl_Draw;

#define RNL_DRAW {1, 0, 1, 0, 1, 64}   /* the defaults */

/* Bytes of work memory, aligned for a float, to draw one of n ids. */
#define RNL_DRAW_WORK(n) (12 * (size_t)(n))

/*
** One of n > 0 ids, drawn with one number of 'rng', or without at temperature
** 0. 'recent' are the ids so far, the last 'window' of which are penalised;
** those beyond n are passed over. Returns -1, and draws nothing, when the
** scores are not finite: one is NaN or infinity, or all are -infinity.
*/
RNL_API int32_t rnl_draw (const float *logits, int n, const rnl_Draw *d,
                          const int32_t *recent, int nrecent, rnl_Rng *rng,
                          void *work);

/*
** The ids that rnl_draw could return, likeliest first and at most 'most' of
** them, with the logarithms of their probabilities before top_k, top_p and
** min_p. At temperature 0 the probabilities are those of temperature 1.
** Returns how many there are; -1 when the scores are not finite.
*/
RNL_API int rnl_rank (const float *logits, int n, const rnl_Draw *d,
                      const int32_t *recent, int nrecent, int most,
                      int32_t *ids, float *logp, void *work);

/* }====================================================================== */

/* {== Models ============================================================= */

typedef struct rnl_Model rnl_Model;

#define RNL_MAX_ERROR 512   /* bytes of a text that tells what is wrong */

/* How to load; begin with RNL_LOAD. */
typedef struct rnl_Load {
  size_t size;             /* sizeof(rnl_Load) */
  const char *precision;   /* of weights and what they are multiplied with:
                              "full" (NULL), "bf16", or "int8" with a scale
                              for each unit; sums and states are float32 */
  const char *kernels;     /* "portable", "avx2", "avx512", "avx512bf16";
                              NULL: the best this machine has */
  uint64_t most;           /* bytes a model may have; 0: 16 GiB */
  rnl_Alloc alloc;         /* of the model and, unless they have their own,
                              its states; NULL: malloc and free. States of
                              several threads call it from these */
  void *ud;
} rnl_Load;

#define RNL_LOAD {sizeof(rnl_Load), NULL, NULL, 0, NULL, NULL}

/*
** Loads a model: a file that the training scripts or rnn.save have written,
** which describes its layers, or its bytes in memory, which are not needed any
** more afterwards. 'load' may be NULL. 'why' (RNL_MAX_ERROR bytes, or NULL)
** gets the text of an error: RNL_EIO, RNL_EFORMAT, RNL_EARG, RNL_ENOMEM.
** Takes at most twice the file's bytes and 1 MiB, of which a model keeps
** rnl_Sizes.bytes. What takes more, if a file has megabytes of it: words of a
** dictionary, which become a tree (9 times their bytes, 19 at worst); pairs of
** BPE (7 times, 27 at worst); lists of numbers and labels in a description; an
** embedding that is tied, of 16-bit numbers, which is there twice as float32;
** int8 weights of a layer that reads one number, with two words each beside it.
*/
RNL_API int rnl_model_load (const char *path, const rnl_Load *load,
                            rnl_Model **out, char *why);
RNL_API int rnl_model_read (const void *data, size_t n, const rnl_Load *load,
                            rnl_Model **out, char *why);

/* One more owner, one less; by any thread. Each state is one, too. */
RNL_API void rnl_model_retain (rnl_Model *model);
RNL_API void rnl_model_release (rnl_Model *model);   /* NULL is fine */

/*
** "lm", "tagger", "segmenter", "classifier", "seriesclassifier", "seq2seq",
** "forecaster", "autoencoder"; "net": a recurrent layer and a linear one, that
** read numbers.
*/
RNL_API const char *rnl_model_kind (const rnl_Model *model);

/* What the file says under a key of its metadata, or NULL. */
RNL_API const char *rnl_model_meta (const rnl_Model *model, const char *key);

/* Sizes of a model; those that it does not have are 0. */
typedef struct rnl_Sizes {
  int inputs;            /* D: numbers that a step of a "net" reads */
  int ids;               /* V: tokens that are read */
  int outputs;           /* U: scores, or numbers, that come of a step */
  int labels;            /* of taggers and classifiers; series known */
  int columns;           /* of a tagger beside the words; of series */
  size_t step_bytes;     /* of weights that a step reads */
  size_t bytes;          /* of memory that the model takes */
} rnl_Sizes;

RNL_API void rnl_model_sizes (const rnl_Model *model, rnl_Sizes *out);

/* The name of a label, or of a tag; NULL beyond the last. */
RNL_API const char *rnl_model_label (const rnl_Model *model, int i);

/*
** The name of a column: of a tagger, which one of the training data it was, as
** scripts/tag.lua counts them; of series, that of the channel.
*/
RNL_API const char *rnl_model_column (const rnl_Model *model, int i);

/* }====================================================================== */

/* {== States ============================================================= */

typedef struct rnl_State rnl_State;

/* What a state is for; begin with RNL_STREAMS. */
typedef struct rnl_Streams {
  size_t size;           /* sizeof(rnl_Streams) */
  int streams;           /* N texts or series side by side; what one gives
                            does not depend on the others */
  int history;           /* ids each remembers, for a penalty of repeats */
  rnl_Alloc alloc;       /* NULL: that of the model */
  void *ud;
} rnl_Streams;

#define RNL_STREAMS {sizeof(rnl_Streams), 1, 64, NULL, NULL}

/* A state in which nothing has been read; 'streams' may be NULL. */
RNL_API int rnl_state_new (rnl_Model *model, const rnl_Streams *streams,
                           rnl_State **out);
RNL_API void rnl_state_free (rnl_State *s);   /* NULL is fine */
RNL_API rnl_Model *rnl_state_model (const rnl_State *s);   /* borrowed */

/* What was wrong the last time; "" before the first. */
RNL_API const char *rnl_state_error (const rnl_State *s);

/* As it was when it was new. */
RNL_API void rnl_state_reset (rnl_State *s);

/* A copy that goes on by itself. */
RNL_API int rnl_state_fork (rnl_State *s, rnl_State **out);

/*
** Stream i becomes a copy of what stream from[i] was. RNL_EARG for one that is
** not in 0 .. N-1.
*/
RNL_API int rnl_state_select (rnl_State *s, const int32_t *from);

/*
** What has been read as bytes, for a state of the same model and as many
** streams: save writes rnl_state_size bytes to 'to'. restore checks them
** (RNL_EFORMAT: of another model, number of streams or version, or damaged).
** The order of bytes is that of the machine.
*/
RNL_API size_t rnl_state_size (const rnl_State *s);
RNL_API void rnl_state_save (const rnl_State *s, void *to);
RNL_API int rnl_state_restore (rnl_State *s, const void *from, size_t n);

/* }====================================================================== */

/* {== Steps: kinds "lm" and "net" ======================================== */

/* Reads one id (N) for each stream; RNL_EARG for one not in 0 .. V-1. */
RNL_API int rnl_state_step (rnl_State *s, const int32_t *ids);

/* Reads numbers (N,D), kind "net"; what comes of them: rnl_state_outputs. */
RNL_API int rnl_state_put (rnl_State *s, const float *x);

/*
** What came of the last step in a stream (U): scores of the id that follows,
** of which an adaptive softmax makes logarithms of probabilities, or numbers.
** Borrowed until the next call; 0 before the first step.
*/
RNL_API const float *rnl_state_outputs (const rnl_State *s, int stream);

/*
** Draws T ids (T,N) and reads each; rng[i] is the generator of stream i, and
** gives one number for each of its ids. 'draw' NULL: as RNL_DRAW. The Lua
** program gives text i of a seed a generator of seed + i. RNL_EARG for a draw
** out of range; RNL_EDIVERGED for scores that are not finite: the steps before
** are done then.
*/
RNL_API int rnl_state_sample (rnl_State *s, const rnl_Draw *draw, rnl_Rng *rng,
                              int T, int32_t *ids);

/*
** Every stream reads T ids; '*nats' (N) becomes, if it is not NULL, how
** unlikely they were: the sum of -log p(id), each after those before it.
*/
RNL_API int rnl_state_score (rnl_State *s, const int32_t *ids, size_t T,
                             double *nats);

/* }====================================================================== */

/* {== Text: kinds that have a tokenizer ================================== */

/*
** Ids of a text, in memory of the state until the next call of this function.
** RNL_EFORMAT, telling which or where, for characters that the model has not
** learnt.
*/
RNL_API int rnl_state_encode (rnl_State *s, const char *text, size_t n,
                              const int32_t **ids, size_t *nids);

/*
** Every stream reads a text to go on from. An empty one, before anything else
** has been read, stands for what begins a text: as scripts/sample.lua does.
*/
RNL_API int rnl_state_prime (rnl_State *s, const char *text, size_t n);

/*
** Text of ids that follow those of the call before: bytes that begin a
** character wait for the rest of it; those that cannot be UTF-8 become U+FFFD.
** With T 0 what waits is given. In memory of the state until the next call.
*/
RNL_API int rnl_state_text (rnl_State *s, const int32_t *ids, size_t T,
                            const char **text, size_t *n);

/* }====================================================================== */

/* {== Labels: taggers, segmenters, classifiers =========================== */

/*
** Tags n words of a sentence (n >= 0), UTF-8 without NUL and not empty:
** tags[i] is the number of a label (rnl_model_label) as the training data have
** them, all of them decided together. columns[c][i] is what stands in column c
** beside word i; NULL if the model has none (rnl_Sizes tells how many). Of more
** than 2000 words so many are read at a time. RNL_ESTATE: the model is no
** "tagger"; RNL_EARG: a word is empty, or columns are missing; RNL_EDIVERGED:
** scores are not finite.
*/
RNL_API int rnl_state_tag (rnl_State *s, const char *const *words, int n,
                           const char *const *const *columns, int32_t *tags);

/* A part of a text: bytes from .. to - 1. */
typedef struct rnl_Span {
  size_t from, to;
} rnl_Span;

/*
** Cuts text into words, kind "segmenter": any bytes will do, those that are no
** UTF-8 are characters of their own. White space (ASCII's and U+3000) is in no
** word. The spans are in memory of the state until the next call.
*/
RNL_API int rnl_state_segment (rnl_State *s, const char *text, size_t n,
                               const rnl_Span **spans, size_t *count);

/*
** Words of the user that a segmenter never cuts, from now on, in the place of
** those before; rnl_state_reset keeps them. They stand in lines "WORD FREQUENCY
** TAG", of which only the word must be there: of words that overlap the more
** frequent ones are more likely to be taken. n 0: none. RNL_EFORMAT, with the
** number of the line, for what is no such line; then those before stay.
*/
RNL_API int rnl_state_user_words (rnl_State *s, const char *lines, size_t n);

/*
** The probability of each label for a text, kind "classifier": p (labels). The
** text is of bytes as rnl_state_segment takes them. RNL_EARG for a text without
** a word: nothing, or white space alone; RNL_EDIVERGED: scores are not finite.
*/
RNL_API int rnl_state_classify (rnl_State *s, const char *text, size_t n,
                                float *p);

/*
** The same for a series of T > 0 steps, kind "seriesclassifier": values
** (T, columns) in the unit of the data that the model was trained on; NaN
** stands for one that is missing. RNL_EARG for one that is infinite.
*/
RNL_API int rnl_state_classify_series (rnl_State *s, const double *values,
                                       int T, float *p);

/* }====================================================================== */

/* {== Translations: kind "seq2seq" ======================================= */

/*
** How what a model makes of a text is searched; begin with RNL_TRANSLATE. Each
** step keeps the 'width' likeliest of all continuations, among which those that
** have ended stay. Of these the best have the highest
**   score = log p / norm + beta sum over the source of log min(attention, 1)
** As rnn.translate of the Lua program, with the same results.
*/
typedef struct rnl_Translate {
  size_t size;             /* sizeof(rnl_Translate) */
  int width;               /* 1 takes the likeliest token each time */
  int n;                   /* results that are wanted, 1 to 'width' */
  const char *normalise;   /* norm of n tokens and their end: "gnmt",
                              ((5 + n) / 6)^alpha; or "length", n^alpha */
  double alpha, beta;      /* 0 or more */
  int min_length;          /* tokens at least, where there is room */
  double ratio;            /* tokens at most for each one of the source, */
  int length;              /* and so many more */
  int copy;                /* "<unk>" becomes the token of the source that has
                              most attention */
  int attention;           /* results tell it */
} rnl_Translate;

#define RNL_TRANSLATE {sizeof(rnl_Translate), 5, 1, "gnmt", 0.6, 0, 0, 2, 10, \
                       0, 0}

typedef struct rnl_Translation {
  const char *text;        /* n bytes, with a NUL behind them: the tokens,
                              words with a space between them */
  size_t n;
  const char *const *tokens;   /* (ntokens) */
  int ntokens;
  double logp;             /* of all, with their end */
  double score;
  int full;                /* it had to end, being as long as it may be */
  const float *attention;  /* (ntokens + 1, S): of each token and the end, to
                              those of the source and its end; or NULL */
} rnl_Translation;

/*
** The best translations of a text, which is cut into tokens as those of the
** training were: words between white space, characters, or the letters of
** Hangul. '*out' are '*nout', the best first; none for a text without tokens.
** They are in memory of the state until the next call. 'o' may be NULL.
** RNL_EARG for options that make no sense, or ask for attention where the model
** has none; RNL_EDIVERGED: scores are not finite. Takes memory, and time, that
** grow with width and with the square of the length.
*/
RNL_API int rnl_state_translate (rnl_State *s, const rnl_Translate *o,
                                 const char *text, size_t n,
                                 const rnl_Translation **out, int *nout);

/* The same of a list of tokens, which may be empty. */
RNL_API int rnl_state_translate_tokens (rnl_State *s, const rnl_Translate *o,
                                        const char *const *tokens, int n,
                                        const rnl_Translation **out,
                                        int *nout);

/* }====================================================================== */

/* {== Series: kinds "forecaster" and "autoencoder" ======================= */

/* What a model knows of series; an autoencoder of targets and rows alone. */
typedef struct rnl_Outlook {
  int targets, inputs, known;   /* columns of a row, in this order: what is
                                   forecast; what is known up to now; what is
                                   known ahead (rnl_model_column names them) */
  int times;                    /* 1: it reads a calendar, too */
  int rows;                     /* that a forecast reads, the last ones; or of
                                   a window that is made anew */
  int horizon;                  /* steps that it was trained to forecast */
  int series;                   /* that were learnt (rnl_model_label) */
  int quantiles;                /* Q that it tells of each forecast, or 0 */
  const double *quantile;       /* (Q) growing, above 0 and below 1 */
  int judges;                   /* 1: it knows what is normal */
} rnl_Outlook;

/* RNL_ESTATE for a model of another kind. */
RNL_API int rnl_model_outlook (const rnl_Model *model, rnl_Outlook *out);

/*
** A series, and what is asked of it; begin with RNL_SERIES. All numbers are in
** the unit of the data, and finite. With C columns, K of them known ahead:
*/
typedef struct rnl_Series {
  size_t size;             /* sizeof(rnl_Series) */
  const char *name;        /* which one that was learnt; NULL: the only one */
  const double *values;    /* (T,C) rows in the order of time */
  int T;                   /* only the last ones that a forecast reads count */
  const double *ahead;     /* (H,K) what is known of the steps to come; NULL
                              without such columns */
  const double *times;     /* (T + H) seconds since 1970-01-01 00:00 of all
                              these rows; NULL without a calendar */
  int horizon;             /* H; 0: as many as it was trained to forecast */
  int paths;               /* that are drawn for quantiles of a recursive model;
                              0: 100; 1: none, there is a forecast alone */
  rnl_Rng *rng;            /* draws them; NULL: one of seed 1, each time */
} rnl_Series;

#define RNL_SERIES {sizeof(rnl_Series), NULL, NULL, 0, NULL, NULL, 0, 0, NULL}

/*
** What follows a series: y (H,D) of the D targets, and 'quantiles' (H,D,Q),
** unless it is NULL. What lies beyond the horizon of a model that is not
** recursive is forecast from the forecasts before it, as if they were true;
** inputs stay as they are in the last row. All as the Lua program forecasts
** one series; of a recursive model with quantiles the forecast is the median of
** the paths. RNL_ESHAPE: too few rows; RNL_EARG: what is missing or no number;
** RNL_EDIVERGED: forecasts that are not finite, y is undefined then.
*/
RNL_API int rnl_state_forecast (rnl_State *s, const rnl_Series *series,
                                double *y, double *quantiles);

/*
** What an autoencoder makes of a window (rows, targets), both in the unit of
** the data: close to it for windows such as it was trained on. RNL_EARG for
** numbers that are not finite; RNL_EDIVERGED.
*/
RNL_API int rnl_state_rebuild (rnl_State *s, const double *window,
                               double *out);

/*
** How unusual the T rows (T,C) of a series are, by the detector.safetensors of
** scripts/anomaly.lua: scores (T), which the model's 'smooth' has averaged, NaN
** for the first 'rows' of them; and flags (T), 1 for those above its threshold
** and between two that are near, or NULL. 'times' (T) for a calendar, or NULL.
** All as the Lua program judges. RNL_ESTATE for a model that does not know what
** is normal (rnl_Outlook); RNL_ESHAPE: too few rows; RNL_EARG for numbers that
** are not finite.
*/
RNL_API int rnl_state_judge (rnl_State *s, const double *values,
                             const double *times, int T, double *scores,
                             unsigned char *flags);

/* }====================================================================== */

#ifdef __cplusplus
}
#endif

#endif
