/*
** test_dict.c - dictionaries from C: cutting, and memory that is refused at
** every request, after which the dictionary is as sound as before.
*/
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rnl.h"

static rnl_Context *ctx;

#define YI "\xE4\xB8\x80"
#define ER "\xE4\xBA\x8C"
#define SAN "\xE4\xB8\x89"


static void test_cut (void) {
  static const char s[] = YI ER SAN " x\xFF";
  static const size_t end[] = {6, 9, 10, 11, 12};
  static const rnl_CutKind kind[] = {RNL_CUT_WORD, RNL_CUT_CHAR, RNL_CUT_SPACE,
                                     RNL_CUT_UNIT, RNL_CUT_UNIT};
  rnl_Dict *d;
  rnl_Cut *cuts;
  rnl_Entry *list;
  char tag[RNL_MAX_TAG];
  size_t n;
  CHECK(rnl_dict_new(ctx, &d) == RNL_OK);
  CHECK(rnl_dict_read(d, YI ER " 3 n\n" SAN "\n", 14, &n) == RNL_OK && n == 2);
  CHECK(rnl_dict_get(d, YI ER, 6, tag) == 3 && strcmp(tag, "n") == 0);
  CHECK(rnl_dict_get(d, YI, 3, tag) == 0 && *tag == '\0');
  CHECK(rnl_dict_cut(d, NULL, 0, RNL_CUT_BEST, s, sizeof s - 1, &cuts, &n) ==
        RNL_OK);
  if (CHECK(n == 5))
    for (size_t i = 0; i < n; i++)
      CHECK_MSG(cuts[i].from == (i ? end[i - 1] : 0) && cuts[i].to == end[i] &&
                cuts[i].kind == kind[i], "cut %zu", i);
  rnl_cuts_free(ctx, cuts);
  CHECK(rnl_dict_list(d, &list) == RNL_OK && rnl_dict_size(d) == 2);
  CHECK(strcmp(list[0].s, YI ER) == 0 && list[1].freq == 1);
  rnl_entries_free(ctx, list);
  CHECK(rnl_dict_set(d, YI " ", 4, 1, NULL) == RNL_EFORMAT);
  CHECK(strcmp(rnl_errmsg(ctx), "the word has white space in it") == 0);
  rnl_dict_free(d);
  rnl_dict_free(NULL);
}


/* A text of 'n' bytes in which words overlap all the way: no place is safe. */
static char *long_text (size_t n) {
  char *s = malloc(n);
  for (size_t i = 0; s && i < n; i++) s[i] = YI[i % 3];
  return s;
}


/* All that takes memory, once; everything is freed whatever happens. */
static int all_of_it (const char *s, size_t n) {
  rnl_Dict *d = NULL, *user = NULL;
  rnl_Entry *list = NULL;
  rnl_Cut *cuts = NULL;
  size_t m;
  int status = rnl_dict_new(ctx, &d);
  if (status == RNL_OK) status = rnl_dict_new(ctx, &user);
  if (status == RNL_OK) status = rnl_dict_set(user, ER SAN, 6, 1, "tag");
  for (int i = 0; i < 200 && status == RNL_OK; i++) {
    char word[] = YI "\xE4\xB8\x80" SAN;
    word[5] = (char)(0x80 + i % 64);
    word[8] = (char)(0x80 + i / 64);
    status = rnl_dict_set(d, word, 9, 2, "n");
  }
  if (status == RNL_OK) status = rnl_dict_set(d, YI YI, 6, 5, NULL);
  if (status == RNL_OK) status = rnl_dict_list(d, &list);
  if (status == RNL_OK)
    status = rnl_dict_cut(d, &user, 1, RNL_CUT_GUESS, s, n, &cuts, &m);
  if (status == RNL_OK) CHECK(cuts[0].from == 0 && cuts[m - 1].to == n);
  rnl_entries_free(ctx, list);
  rnl_cuts_free(ctx, cuts);
  rnl_dict_free(user);
  rnl_dict_free(d);
  return status;
}


static void test_memory (int forever) {
  enum { N = 3 * 20000 };
  char *s = long_text(N);
  rnl_Memory before, after;
  if (!CHECK(s != NULL)) return;
  CHECK(all_of_it(s, N) == RNL_OK);
  rnl_memory(ctx, &before);
  uint64_t k = 1;
  int status;
  do {
    rnl_fail_alloc(ctx, k, forever);
    status = all_of_it(s, N);
    rnl_fail_alloc(ctx, 0, 0);
    rnl_memory(ctx, &after);
    CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "request %d", (int)k);
    CHECK_MSG(after.live == before.live, "request %d", (int)k);
    k++;
  } while (status != RNL_OK && k < 200);
  CHECK(status == RNL_OK && k > 15);
  free(s);
}


int main (void) {
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  test_cut();
  test_memory(0);
  test_memory(1);
  rnl_context_release(ctx);
  return harness_end("dict");
}
