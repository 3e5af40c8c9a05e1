/* The report as tables. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/access/report.h"
#include "cli/report/terminal.h"

/* part: "lines" or "passes", the parts of a step in this memory. */
static void print_header(const char *title, const char *part) {
  printf("%s%-18s %9s %9s %9s %9s %8s %8s %8s%s\n", style(BOLD), title, "loads", "bytes", "stores", "bytes", "steps",
         part, "least", style(PLAIN));
}

static void print_tally(const char *name, const tally *t) {
  printf("%-18.18s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", name,
         t->loads, t->load_bytes, t->stores, t->store_bytes, t->steps, t->parts, t->least);
}

/* The number of arrays that are accessed. */
static size_t places_of(const launch *l, bool local) {
  size_t count = 0;
  for (size_t i = 0; i < l->places; ++i) count += l->place[i].local == local && launch_place(l, i).steps > 0;
  return count;
}

static void print_places(const launch *l, bool local) {
  if (places_of(l, local) == 0) return;
  putchar('\n');
  print_header(local ? "local memory" : "global memory", local ? "passes" : "lines");
  for (size_t i = 0; i < l->places; ++i) {
    const tally t = launch_place(l, i);
    if (l->place[i].local == local && t.steps > 0) print_tally(l->place[i].name, &t);
  }
  const tally total = launch_total(l, local);
  if (places_of(l, local) > 1) print_tally("total", &total);
}

/* Without barriers there is one phase, which the tables above show. */
static void print_phases(const launch *l) {
  if (l->phases < 2) return;
  const bool local = places_of(l, true) > 0;
  printf("\n%s%-6s %8s %8s %8s %8s%s%s\n", style(BOLD), "phase", "loads", "stores", "lines", "least",
         local ? "    local: loads   stores   passes    least" : "", style(PLAIN));
  for (size_t phase = 0; phase < l->phases; ++phase) {
    const tally g = launch_phase(l, phase, false), t = launch_phase(l, phase, true);
    printf("%-6zu %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64, phase, g.loads, g.stores, g.parts, g.least);
    if (local) printf("      %11" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64, t.loads, t.stores, t.parts, t.least);
    putchar('\n');
  }
}

static void print_launch(const launch *l) {
  printf("\n%s, kernel %s: %zu x %zu x %zu work-groups of %zu x %zu x %zu work-items\n", l->file, l->function,
         l->groups[0], l->groups[1], l->groups[2], l->local[0], l->local[1], l->local[2]);
  print_places(l, false);
  print_places(l, true);
  print_phases(l);
  for (size_t i = 0; i < l->findings; ++i)
    printf("%s%s%s%s\n", i == 0 ? "\n" : "", style(RED), l->finding[i], style(PLAIN));
}

static void print_problem(const subject *s) {
  const clattn_problem *p = &s->problem;
  printf("%s%s=%s%s: ", style(BOLD), clattn_stage_name(s->stage), s->choice, style(PLAIN));
  if (p->source == CLATTN_SOURCE_X) printf("x of %zu, ", p->model_dim);
  printf("%zu queries, %zu keys, %zu head%s of %zu", p->query_len, p->key_len, p->heads, p->heads > 1 ? "s" : "",
         p->head_dim);
  if (p->output_dim > 0) printf(", output of %zu", p->output_dim);
  printf("%s\n", p->causal ? ", causal" : "");
}

void report_text(const subject *s) {
  print_problem(s);
  for (size_t i = 0; i < s->count; ++i) print_launch(&s->launches[i]);
  printf("\nA step is one instruction of %d neighbouring work-items. Lines: cache lines of %d bytes that it\n"
         "touches. Passes: the different words that the busiest bank delivers, of %d banks of %d bytes.\n"
         "Least: if the words were side by side.\n",
         NEIGHBOURS, LINE_BYTES, BANKS, WORD_BYTES);
  printf("%s%s%s\n", style(s->correct ? GREEN : RED),
         s->correct ? "the results are right" : "the results are wrong (clattn run says where)", style(PLAIN));
}
