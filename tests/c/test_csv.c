/*
** test_csv.c - tables and dates as a C host reads them: cut at every place,
** random bytes with random options, memory refused at every request.
*/
#include <math.h>
#include <string.h>

#include "harness.h"
#include "rnl.h"

enum { COLUMNS = 4 };

static rnl_Context *ctx;

static const char table[] =
  "day,x,s,y\n2020-02-29,1.5,\"a \"\"b\"\"\",\n\n"
  "2020-03-01 12:00,-2e-3,\"two\nlines\",7\n2020-03-02,.5,\"\",1e22";

static const rnl_CsvKind kinds[COLUMNS] = {
  RNL_CSV_DATE, RNL_CSV_NUMBER, RNL_CSV_TEXT, RNL_CSV_GUESS
};

/* {== Reading ============================================================ */

/* Takes all rows but the first, fed by 'piece' bytes; a status. */
static int read_table (rnl_Csv *r, const char *s, size_t n, size_t piece,
                       const rnl_CsvKind *kind) {
  int first = 1, ended = 0;
  for (size_t at = 0;;) {
    int cells, status = rnl_csv_next(r, &cells);
    if (status != RNL_OK) return status;
    if (cells == 0) {
      if (ended) return RNL_OK;
      size_t part = n - at < piece ? n - at : piece;
      if (part) status = rnl_csv_feed(r, s + at, part);
      else rnl_csv_end(r);
      ended = part == 0;
      at += part;
    } else if (first) {
      first = 0;
      if (kind) status = rnl_csv_columns(r, cells, kind, 1);
    } else {
      status = rnl_csv_take(r);
    }
    if (status != RNL_OK) return status;
  }
}


static double element (rnl_Csv *r, int column, int row) {
  rnl_Tensor *t;
  double x = -1;
  if (rnl_csv_tensor(r, column, &t) != RNL_OK) return x;
  if (rnl_count(t) == 3) x = rnl_get(t, (size_t)row);
  rnl_release(t);
  return x;
}


static void test_pieces (void) {
  for (size_t piece = 1; piece <= sizeof table; piece++) {
    rnl_Csv *r;
    CHECK(rnl_csv_new(ctx, ',', &r) == RNL_OK);
    CHECK(rnl_csv_missing(r, "", 0) == RNL_OK);
    CHECK(read_table(r, table, sizeof table - 1, piece, kinds) == RNL_OK);
    CHECK(rnl_csv_rows(r) == 3);
    CHECK(rnl_csv_line_of(r, 0) == 2 && rnl_csv_line_of(r, 1) == 4 &&
          rnl_csv_line_of(r, 2) == 6);
    CHECK(rnl_csv_kind(r, 3) == RNL_CSV_NUMBER);
    CHECK(element(r, 0, 0) == 1582934400.0);
    CHECK(element(r, 1, 1) == -2e-3);
    CHECK(element(r, 3, 2) == 1e22);
    rnl_csv_finish(r);
    CHECK(rnl_csv_rows(r) == 3 && rnl_csv_line_of(r, 2) == 6);
    rnl_csv_free(r);
  }
}


static void test_states (void) {
  rnl_Csv *r;
  rnl_Tensor *t;
  int cells;
  CHECK(rnl_csv_new(ctx, '"', &r) == RNL_EARG && !r);
  CHECK(rnl_csv_new(ctx, '\0', &r) == RNL_EARG && !r);
  CHECK(rnl_csv_new(ctx, ',', &r) == RNL_OK);
  CHECK(rnl_csv_next(r, &cells) == RNL_OK && cells == 0);
  CHECK(rnl_csv_take(r) == RNL_ESTATE);
  CHECK(rnl_csv_columns(r, 0, kinds, 1) == RNL_ESTATE);
  CHECK(rnl_csv_columns(r, COLUMNS, kinds, 0) == RNL_EARG);   /* a guess */
  CHECK(rnl_csv_columns(r, COLUMNS, kinds, 1) == RNL_OK);
  CHECK(rnl_csv_columns(r, COLUMNS, kinds, 1) == RNL_ESTATE);
  CHECK(rnl_csv_take(r) == RNL_ESTATE);
  CHECK(rnl_csv_tensor(r, 2, &t) == RNL_EARG && !t);
  CHECK(rnl_csv_tensor(r, COLUMNS, &t) == RNL_EARG && !t);
  CHECK(rnl_csv_feed(r, "1,2\n", 4) == RNL_OK);
  CHECK(rnl_csv_next(r, &cells) == RNL_OK && cells == 2);
  CHECK(rnl_csv_take(r) == RNL_EFORMAT);
  CHECK(strcmp(rnl_csv_fault(r)->what, "cells") == 0);
  rnl_csv_finish(r);
  CHECK(rnl_csv_columns(r, COLUMNS, kinds, 1) == RNL_ESTATE);
  CHECK(rnl_csv_take(r) == RNL_ESTATE);
  rnl_csv_free(r);
  rnl_csv_free(NULL);
}


static void test_memory (void) {
  int status = RNL_ENOMEM;
  uint64_t k = 0;
  while (status != RNL_OK) {
    rnl_Csv *r;
    rnl_Memory before, after;
    rnl_trim(ctx);
    rnl_memory(ctx, &before);
    rnl_fail_alloc(ctx, ++k, 0);
    status = rnl_csv_new(ctx, ',', &r);
    if (status == RNL_OK) status = rnl_csv_missing(r, "", 0);
    if (status == RNL_OK) status = rnl_csv_dates(r, NULL);
    if (status == RNL_OK)
      status = read_table(r, table, sizeof table - 1, 7, kinds);
    rnl_fail_alloc(ctx, 0, 0);
    rnl_csv_free(r);
    rnl_memory(ctx, &after);
    CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "request %d", (int)k);
    CHECK_MSG(after.live == before.live, "request %d", (int)k);
  }
  CHECK(k > 8);
}

/* }====================================================================== */

/* {== Random bytes ======================================================= */

static void test_random (void) {
  static const char *const part[] = {"1", "-2.5e3", ",", ",", "\"", "\n", "a",
    "2020-01-02", "01/02/2020", " ", "\xFF", ":", "e99999", "\"\"", "12:30"};
  rnl_Rng rng;
  rnl_rng_seed(&rng, 1);
  for (int round = 0; round < 20000; round++) {
    char s[256];
    size_t n = 0, parts = (size_t)(rnl_rng_uniform(&rng) * 24);
    rnl_CsvKind kind[256];
    rnl_Csv *r;
    for (size_t i = 0; i < parts; i++) {
      const char *p = part[(size_t)(rnl_rng_uniform(&rng) * 15)];
      memcpy(s + n, p, strlen(p));
      n += strlen(p);
    }
    for (size_t i = 0; i < 256; i++)
      kind[i] = (rnl_CsvKind)(rnl_rng_uniform(&rng) * 4);
    CHECK(rnl_csv_new(ctx, round % 3 ? ',' : ' ', &r) == RNL_OK);
    CHECK(rnl_csv_dates(r, round % 5 ? NULL : "%m/%d/%Y") == RNL_OK);
    int status = read_table(r, s, n, 1 + (size_t)round % 9, kind);
    CHECK_MSG(status == RNL_OK || status == RNL_EFORMAT, "round %d", round);
    if (status == RNL_EFORMAT) CHECK(rnl_csv_fault(r)->what != NULL);
    rnl_csv_free(r);
  }
}

/* }====================================================================== */

static void test_dates (void) {
  rnl_Date d;
  double t = 0;
  CHECK(rnl_date_read("2020-02-29T12:00", 16, NULL, &t) == NULL);
  CHECK(rnl_date_of(t, &d) && d.year == 2020 && d.month == 2 && d.day == 29 &&
        d.hour == 12 && d.weekday == 6);
  CHECK(strcmp(rnl_date_read("2020-02-30", 10, NULL, &t), "range") == 0);
  CHECK(strcmp(rnl_date_read("1/2/2020", 8, NULL, &t), "order") == 0);
  CHECK(strcmp(rnl_date_read("", 0, NULL, &t), "spelling") == 0);
  CHECK(strcmp(rnl_date_read("2020", 4, "%Y%", &t), "spelling") == 0);
  CHECK(!rnl_date_of((double)NAN, &d) && !rnl_date_of(RNL_DATE_END, &d));
}


int main (void) {
  if (rnl_context_new(NULL, NULL, &ctx) != RNL_OK) return 1;
  test_pieces();
  test_states();
  test_memory();
  test_random();
  test_dates();
  rnl_context_release(ctx);
  return harness_end("csv");
}
