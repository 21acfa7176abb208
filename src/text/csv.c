/*
** csv.c - tables: rows cut into cells, cells into numbers and dates.
**
** Bytes wait in a buffer until they hold a whole row. The cutter stops where
** they end and goes on from there when more have come, so no byte is looked at
** twice. It writes into the buffer: quoted cells lose their doubled quotes, and
** a NUL takes the place of what ends a cell. Numbers go to blocks of each
** column, which grow up to a fixed size: memory is that of the numbers, and the
** tensors are made of one column after the other.
*/
#include <limits.h>
#include <math.h>
#include <string.h>

#include "text/number.h"
#include "text/text.h"

/* Where in a row the next byte is. */
typedef enum State {
  AT_CELL,      /* a cell begins */
  IN_PLAIN,
  IN_QUOTED,
  AT_QUOTE      /* behind a quote of a quoted cell: doubled, or its end */
} State;

/* A part of the buffer, from the row's beginning on. */
typedef struct Cell {
  uint32_t from, to;
} Cell;

typedef struct Column {
  rnl_CsvKind kind;
  uint64_t since;       /* the line that it was guessed from, or 0 */
  double value;         /* of the row taken last */
} Column;

/* Row 'row' begins in 'line', and those after it one line later each. */
typedef struct Jump {
  uint64_t row, line;
} Jump;

typedef struct Text {
  char *s;
  size_t n;
} Text;

/*
** Rows in the first block of a column, and how often the next one has twice as
** many: blocks of some MiB are such that allocators give back to the system.
*/
enum { FIRST_ROWS = 16, DOUBLINGS = 15 };

struct rnl_Csv {
  rnl_Context *ctx;
  locale_t c;
  char separator;
  unsigned char stops[256];    /* bytes that a plain cell may end at */
  char *buf;                   /* 'n' bytes, a NUL ends them */
  size_t n, room;
  int ended;
  size_t at;                   /* where the row begins; from there on: */
  size_t read;                 /* bytes that were looked at, */
  size_t from, write;          /* the cell that is being cut; what is kept of
                                  it, when it is quoted */
  State state;
  int quoted;                  /* has the row a quoted cell? */
  int cut;                     /* is it whole? */
  uint64_t line, begins;       /* of the next byte, of the row */
  Cell *cell;
  size_t ncells, cell_room;
  rnl_CsvFault fault;
  Text *missing;
  size_t nmissing, missing_room;
  unsigned char may_miss[256]; /* the bytes that they begin with; NUL: none */
  char *format;                /* of dates, or NULL */
  Column *column;
  int columns;                 /* 0 until they are known */
  int keep;
  uint64_t rows;
  double **block;              /* 'columns' of each size; NULL of text */
  size_t nblocks, block_room;  /* sizes */
  size_t left;                 /* rows that the last ones have room for */
  Jump *jump;
  size_t njumps, jump_room;
};


int rnl_csv_new (rnl_Context *ctx, char separator, rnl_Csv **out) {
  *out = NULL;
  if (strchr("\"\r\n", separator))   /* or NUL, which ends this string */
    return rnli_error(ctx, RNL_EARG, "csv: the separator must be none of "
                      "NUL, quote, CR and LF");
  rnl_Csv *r = rnli_get(ctx, sizeof *r);
  if (!r) return rnli_nomem(ctx, "a reader of tables", sizeof *r);
  memset(r, 0, sizeof *r);
  r->ctx = ctx;
  r->separator = separator;
  r->line = r->begins = 1;
  r->stops[(unsigned char)separator] = 1;
  r->stops['\n'] = r->stops['"'] = r->stops['\0'] = 1;
  r->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!r->c) {
    rnli_put(ctx, r);
    return rnli_nomem(ctx, "a locale", 0);
  }
  rnl_context_retain(ctx);
  *out = r;
  return RNL_OK;
}


void rnl_csv_finish (rnl_Csv *r) {
  size_t n = r->nblocks * (size_t)r->columns;
  for (size_t i = 0; i < n; i++) rnli_put(r->ctx, r->block[i]);
  for (size_t i = 0; i < r->nmissing; i++) rnli_put(r->ctx, r->missing[i].s);
  rnli_put(r->ctx, r->block);
  rnli_put(r->ctx, r->missing);
  rnli_put(r->ctx, r->buf);
  rnli_put(r->ctx, r->cell);
  rnli_put(r->ctx, r->column);
  rnli_put(r->ctx, r->format);
  r->block = NULL;
  r->missing = NULL;
  r->buf = NULL;
  r->cell = NULL;
  r->column = NULL;
  r->format = NULL;
  r->n = r->room = r->at = r->read = r->ncells = r->cell_room = 0;
  r->cut = 0;
  r->nblocks = r->block_room = r->left = 0;
  r->nmissing = r->missing_room = 0;
  r->columns = -1;   /* there will be no others */
  r->ended = 1;
}


void rnl_csv_free (rnl_Csv *r) {
  if (!r) return;
  rnl_Context *ctx = r->ctx;
  rnl_csv_finish(r);
  freelocale(r->c);
  rnli_put(ctx, r->jump);
  rnli_put(ctx, r);
  rnl_context_release(ctx);
}


const rnl_CsvFault *rnl_csv_fault (const rnl_Csv *r) {
  return &r->fault;
}


static int refuse (rnl_Csv *r, const char *what, uint64_t line, int column,
                   uint64_t since) {
  r->fault = (rnl_CsvFault){what, line, column, since};
  return rnli_error(r->ctx, RNL_EFORMAT, "line %llu, column %d: %s",
                    (unsigned long long)line, column + 1, what);
}

/* {== What is wanted ===================================================== */

/* A copy that a NUL ends. */
static int copy_text (rnl_Csv *r, const char *s, size_t n, char **out) {
  *out = rnli_get(r->ctx, rnli_add(n, 1));
  if (!*out) return rnli_nomem(r->ctx, "csv: options", n);
  if (n) memcpy(*out, s, n);
  (*out)[n] = '\0';
  return RNL_OK;
}


int rnl_csv_missing (rnl_Csv *r, const char *s, size_t n) {
  Text *list = rnli_grow(r->ctx, r->missing, r->nmissing, r->nmissing + 1,
                         sizeof *list, &r->missing_room, "csv: options");
  if (!list) return RNL_ENOMEM;
  r->missing = list;
  int status = copy_text(r, s, n, &list[r->nmissing].s);
  if (status != RNL_OK) return status;
  list[r->nmissing++].n = n;
  r->may_miss[n ? (unsigned char)s[0] : 0] = 1;
  return RNL_OK;
}


int rnl_csv_dates (rnl_Csv *r, const char *format) {
  rnli_put(r->ctx, r->format);
  r->format = NULL;
  return format ? copy_text(r, format, strlen(format), &r->format) : RNL_OK;
}


int rnl_csv_columns (rnl_Csv *r, int n, const rnl_CsvKind *kind, int keep) {
  size_t bytes = rnli_mul((size_t)n, sizeof *r->column);
  if (r->columns || n < 1)
    return rnli_error(r->ctx, RNL_ESTATE, "csv: columns are given once");
  for (int i = 0; i < n; i++)
    if (kind[i] == RNL_CSV_GUESS && !keep)
      return rnli_error(r->ctx, RNL_EARG, "csv: to guess takes what was kept");
  r->column = rnli_get(r->ctx, bytes);
  if (!r->column) return rnli_nomem(r->ctx, "csv: columns", bytes);
  for (int i = 0; i < n; i++) r->column[i] = (Column){kind[i], 0, (double)NAN};
  r->columns = n;
  r->keep = keep;
  return RNL_OK;
}


rnl_CsvKind rnl_csv_kind (const rnl_Csv *r, int i) {
  return r->column[i].kind;
}

/* }====================================================================== */

/* {== Bytes ============================================================== */

/* Lets go of the bytes before the row, and makes room for n more. */
static int make_room (rnl_Csv *r, size_t n) {
  size_t waiting = r->n - r->at;
  if (r->at) memmove(r->buf, r->buf + r->at, waiting);
  r->at = 0;
  r->n = waiting;
  char *buf = rnli_grow(r->ctx, r->buf, waiting,
                        rnli_add(waiting, rnli_add(n, 1)), 1, &r->room,
                        "csv: a row");
  if (!buf) return RNL_ENOMEM;
  r->buf = buf;
  return RNL_OK;
}


int rnl_csv_feed (rnl_Csv *r, const char *s, size_t n) {
  if (r->ended || n == 0) return RNL_OK;
  int status = make_room(r, n);
  if (status != RNL_OK) return status;
  memcpy(r->buf + r->n, s, n);
  r->n += n;
  r->buf[r->n] = '\0';
  return RNL_OK;
}


void rnl_csv_end (rnl_Csv *r) {
  r->ended = 1;
}

/* }====================================================================== */

/* {== Cutting ============================================================ */

static int add_cell (rnl_Csv *r, size_t from, size_t to) {
  if (r->ncells == r->cell_room) {
    Cell *list = rnli_grow(r->ctx, r->cell, r->ncells, r->ncells + 1,
                           sizeof *list, &r->cell_room, "csv: cells");
    if (!list) return RNL_ENOMEM;
    r->cell = list;
  }
  r->cell[r->ncells++] = (Cell){(uint32_t)from, (uint32_t)to};
  return RNL_OK;
}


/* The cell is over, its bytes end at 'to'; what ends it is read. */
static int end_cell (rnl_Csv *r, size_t to) {
  char *row = r->buf + r->at;
  char end = '\n';
  if (r->read < r->n - r->at) {
    end = row[r->read++];
    r->line += end == '\n';
  }
  row[to] = '\0';
  r->state = AT_CELL;
  r->cut = end == '\n';
  return add_cell(r, r->from, to);
}


static void begin_cell (rnl_Csv *r) {
  r->from = r->write = r->read;
  r->state = IN_PLAIN;
  if (r->buf[r->at + r->read] != '"') return;
  r->from = r->write = ++r->read;
  r->state = IN_QUOTED;
  r->quoted = 1;
}


/* Goes to what ends a plain cell, or to the end of the bytes. */
static void skip_plain (rnl_Csv *r) {
  const unsigned char *row = (const unsigned char *)r->buf + r->at;
  const unsigned char *p = row + r->read, *end = row + (r->n - r->at);
  for (;; p++) {
    while (!r->stops[*p]) p++;
    if (*p != '\0' || p == end) break;
  }
  r->read = (size_t)(p - row);
}


/* Goes behind the next quote, or to the end of the bytes. */
static void skip_quoted (rnl_Csv *r) {
  char *row = r->buf + r->at, *s = row + r->read;
  size_t n = r->n - r->at - r->read;
  char *quote = memchr(s, '"', n), *end = quote ? quote : s + n;
  for (char *p = s; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
    r->line++;
  if (r->write != r->read) memmove(row + r->write, s, (size_t)(end - s));
  r->write += (size_t)(end - s);
  r->read += (size_t)(end - s) + (quote != NULL);
  if (quote) r->state = AT_QUOTE;
}


/*
** Goes on with the row as far as the bytes reach. What comes next tells a cell
** that is quoted from one that is not, and a doubled quote from the last one.
*/
static int cut_row (rnl_Csv *r) {
  int status = RNL_OK;
  size_t n = r->n - r->at;
  const char *row = r->buf + r->at;
  while (status == RNL_OK && !r->cut) {
    if (r->state == IN_PLAIN) skip_plain(r);
    if (r->state == IN_QUOTED) skip_quoted(r);
    if (r->read == n && !r->ended) break;
    char next = row[r->read];   /* a NUL at the end */
    if (r->state == AT_CELL) {
      begin_cell(r);
    } else if (r->state == IN_QUOTED) {
      status = refuse(r, "open", r->begins, -1, 0);
    } else if (r->read == n || next == '\n' || next == r->separator) {
      status = end_cell(r, r->state == IN_PLAIN ? r->read : r->write);
    } else if (next != '"') {
      status = refuse(r, "behind", r->line, -1, 0);
    } else if (r->state == IN_PLAIN) {
      status = refuse(r, "quote", r->line, -1, 0);
    } else {
      r->buf[r->at + r->write++] = '"';
      r->read++;
      r->state = IN_QUOTED;
    }
  }
  if (status == RNL_OK && r->read > RNL_MAX_ROW)
    status = refuse(r, "long", r->begins, -1, 0);
  return status;
}


static void drop_row (rnl_Csv *r) {
  r->at += r->read;
  r->read = r->ncells = 0;
  r->quoted = r->cut = 0;
  r->begins = r->line;
}


/* Is the row nothing but white space? */
static int is_blank (const rnl_Csv *r) {
  if (r->quoted || (r->ncells > 1 && !rnli_is_space(r->separator))) return 0;
  for (size_t i = 0; i < r->ncells; i++)
    for (uint32_t k = r->cell[i].from; k < r->cell[i].to; k++)
      if (!rnli_is_space((unsigned char)r->buf[r->at + k])) return 0;
  return 1;
}


int rnl_csv_next (rnl_Csv *r, int *cells) {
  *cells = 0;
  do {
    if (r->cut) drop_row(r);
    if (r->n == r->at) return RNL_OK;
    int status = cut_row(r);
    if (status != RNL_OK || !r->cut) return status;
  } while (is_blank(r));
  *cells = (int)r->ncells;
  return RNL_OK;
}


const char *rnl_csv_cell (const rnl_Csv *r, int i, size_t *n) {
  Cell c = r->cell[i];
  *n = c.to - c.from;
  return r->buf + r->at + c.from;
}


uint64_t rnl_csv_line (const rnl_Csv *r) {
  return r->begins;
}

/* }====================================================================== */

/* {== Cells as values ==================================================== */

/* A part of the buffer; something else than a digit is behind it. */
typedef struct Span {
  const char *s, *end;
} Span;


static int is_space (char c) {
  return rnli_is_space((unsigned char)c);
}


static Span trimmed (const rnl_Csv *r, int i) {
  size_t n;
  Span t;
  t.s = rnl_csv_cell(r, i, &n);
  t.end = t.s + n;
  while (t.s < t.end && is_space(*t.s)) t.s++;
  while (t.end > t.s && is_space(t.end[-1])) t.end--;
  return t;
}


static int is_missing (const rnl_Csv *r, Span t) {
  size_t n = (size_t)(t.end - t.s);
  if (!r->may_miss[n ? (unsigned char)*t.s : 0]) return 0;
  for (size_t i = 0; i < r->nmissing; i++)
    if (r->missing[i].n == n && memcmp(r->missing[i].s, t.s, n) == 0) return 1;
  return 0;
}


static const char *read_number (const rnl_Csv *r, Span t, double *x) {
  return rnli_number(t.s, r->c, x) == t.end && isfinite(*x) ? NULL : "number";
}


static const char *read_date (const rnl_Csv *r, Span t, double *x) {
  return rnl_date_read(t.s, (size_t)(t.end - t.s), r->format, x);
}


/*
** The first cell of a column that is not missing tells the kind; where the day
** may be the month it cannot. Earlier ones were missing, which dates never are.
*/
static const char *guess (rnl_Csv *r, Column *c, Span t) {
  c->since = r->begins;
  c->kind = RNL_CSV_NUMBER;
  if (!read_number(r, t, &c->value)) return NULL;
  const char *wrong = read_date(r, t, &c->value);
  c->kind = wrong ? RNL_CSV_TEXT : RNL_CSV_DATE;
  if (wrong) return strcmp(wrong, "order") == 0 ? wrong : NULL;
  return r->rows > 0 ? "missing" : NULL;
}


/* What is wrong with a cell, or NULL. */
static const char *read_cell (rnl_Csv *r, int i) {
  Column *c = &r->column[i];
  if (c->kind == RNL_CSV_TEXT) return NULL;
  Span t = trimmed(r, i);
  if (is_missing(r, t)) {
    c->value = (double)NAN;
    return c->kind == RNL_CSV_DATE ? "missing" : NULL;
  }
  if (c->kind == RNL_CSV_GUESS) return guess(r, c, t);
  return c->kind == RNL_CSV_DATE ? read_date(r, t, &c->value)
                                 : read_number(r, t, &c->value);
}


static int read_cells (rnl_Csv *r) {
  for (int i = 0; i < r->columns; i++) {
    int guessed = r->column[i].kind == RNL_CSV_GUESS;
    const char *wrong = read_cell(r, i);
    if (!wrong) continue;
    int before = guessed && strcmp(wrong, "missing") == 0;
    return refuse(r, wrong, before ? rnl_csv_line_of(r, 0) : r->begins, i,
                  r->column[i].since);
  }
  return RNL_OK;
}


double rnl_csv_value (const rnl_Csv *r, int i) {
  return r->column[i].value;
}

/* }====================================================================== */

/* {== Columns ============================================================ */

static size_t block_rows (size_t i) {
  return (size_t)FIRST_ROWS << (i < DOUBLINGS ? i : DOUBLINGS);
}


/* A block more for each column that is no text. */
static int add_blocks (rnl_Csv *r) {
  size_t columns = (size_t)r->columns, at = r->nblocks * columns;
  size_t bytes = block_rows(r->nblocks) * sizeof(double);
  double **list = rnli_grow(r->ctx, r->block, at, at + columns, sizeof *list,
                            &r->block_room, "csv: columns");
  if (!list) return RNL_ENOMEM;
  r->block = list;
  for (size_t i = 0; i < columns; i++) list[at + i] = NULL;
  r->left = block_rows(r->nblocks++);
  for (size_t i = 0; i < columns; i++) {
    if (r->column[i].kind == RNL_CSV_TEXT) continue;
    list[at + i] = rnli_get(r->ctx, bytes);
    if (!list[at + i]) return rnli_nomem(r->ctx, "csv: columns", bytes);
  }
  return RNL_OK;
}


/* Notes where the row begins, unless that follows from the row before. */
static int keep_line (rnl_Csv *r) {
  const Jump *last = r->njumps ? &r->jump[r->njumps - 1] : NULL;
  if (last && last->line + (r->rows - last->row) == r->begins) return RNL_OK;
  Jump *list = rnli_grow(r->ctx, r->jump, r->njumps, r->njumps + 1,
                         sizeof *list, &r->jump_room, "csv: lines");
  if (!list) return RNL_ENOMEM;
  r->jump = list;
  list[r->njumps++] = (Jump){r->rows, r->begins};
  return RNL_OK;
}


static int keep_row (rnl_Csv *r) {
  if (r->rows == INT_MAX) return refuse(r, "rows", r->begins, -1, 0);
  int status = keep_line(r);
  if (status == RNL_OK && r->left == 0) status = add_blocks(r);
  if (status != RNL_OK) return status;
  size_t last = r->nblocks - 1, at = block_rows(last) - r->left;
  double **block = r->block + last * (size_t)r->columns;
  for (int i = 0; i < r->columns; i++)
    if (block[i]) block[i][at] = r->column[i].value;
  r->left--;
  return RNL_OK;
}


int rnl_csv_take (rnl_Csv *r) {
  if (!r->cut || !r->column)
    return rnli_error(r->ctx, RNL_ESTATE, "csv: there is no row to take");
  if (r->ncells != (size_t)r->columns)
    return refuse(r, "cells", r->begins, -1, 0);
  int status = read_cells(r);
  if (status == RNL_OK && r->keep) status = keep_row(r);
  r->rows += status == RNL_OK;
  return status;
}


uint64_t rnl_csv_rows (const rnl_Csv *r) {
  return r->rows;
}


uint64_t rnl_csv_line_of (const rnl_Csv *r, uint64_t i) {
  size_t lo = 0, hi = r->njumps;   /* the last jump that is not behind row i */
  while (hi - lo > 1) {
    size_t mid = lo + (hi - lo) / 2;
    if (r->jump[mid].row <= i) lo = mid;
    else hi = mid;
  }
  return r->jump[lo].line + (i - r->jump[lo].row);
}


int rnl_csv_tensor (rnl_Csv *r, int i, rnl_Tensor **out) {
  *out = NULL;
  if (i < 0 || i >= r->columns || r->column[i].kind == RNL_CSV_TEXT)
    return rnli_error(r->ctx, RNL_EARG, "csv: column %d has no numbers", i + 1);
  int rows = (int)r->rows;
  int status = rnli_tensor_raw(r->ctx, RNL_F64, 1, &rows, 0, out);
  if (status != RNL_OK) return status;
  size_t left = (size_t)rows;
  double *to = (*out)->data;
  for (size_t b = 0; b < r->nblocks; b++) {
    double **block = &r->block[b * (size_t)r->columns + (size_t)i];
    size_t n = left < block_rows(b) ? left : block_rows(b);
    memcpy(to, *block, n * sizeof *to);
    rnli_put(r->ctx, *block);
    *block = NULL;
    to += n;
    left -= n;
  }
  return RNL_OK;
}

/* }====================================================================== */
