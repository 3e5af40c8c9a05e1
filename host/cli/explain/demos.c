/* The demonstrations with numbers from an example. Those with other numbers are in dictionary.c
 * and bank.c. */
#include "cli/explain/demos.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/devices/open.h"
#include "cli/explain/load.h"
#include "cli/explain/print.h"
#include "cli/report/terminal.h"
#include "explain/text.h"
#include "cli/files/user_files.h"
#include "explain/words.h"

void demo_headline(const char *text) {
  printf("%s%s%s\n", style(BOLD), text, style(PLAIN));
}

void demo_name_columns(walk_step *table, const char *const *names, size_t count) {
  table->columns = count;
  for (size_t c = 0; c < count; ++c) snprintf(table->column[c], WALK_NAME, "%s", names[c]);
}

float *demo_add_row(walk_step *table, const char *name) {
  snprintf(table->row[table->rows], WALK_NAME, "%s", name);
  return table->value[table->rows++];
}

int demo_result(const clattn_check_report *report) {
  if (report->passed) return EXIT_PASSED;
  complain("a result differs from the reference ('clattn run' shows where)");
  return EXIT_CHECK_FAILED;
}

int demo_run(const run_options *o, const clattn_problem *problem, const clattn_inputs *inputs,
             const clattn_outputs *outputs, clattn_check_report *check) {
  char programs[4096];
  const clattn_device_choice choice = device_choice(o->platform, o->device);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_plan_options options = user_plan_options(programs, sizeof programs);
  options.kernels = o->kernels;
  options.launch_seconds = o->launch_seconds;
  options.pipeline = o->pipeline;
  options.tensors = clattn_outputs_tensors(outputs);
  clattn_status status = open_device(&choice, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, problem, &options, &plan, &error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, inputs, outputs, NULL, &error);
  if (status == CLATTN_OK) status = clattn_check(plan, inputs, outputs, NULL, check, &error);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return status == CLATTN_OK ? GO_ON : complain_of(&error);
}

/* Makes the walk of an example, with the device options given. */
static int walk_example(const run_options *device, const char *name, size_t heads, bool layout_given,
                        clattn_weight_layout layout, loaded_walk *l) {
  run_options options = {.platform = device->platform, .device = device->device, .pipeline = device->pipeline};
  char copy[64];
  snprintf(copy, sizeof copy, "%s", name);
  options.example = copy;
  options.kernels = device->kernels;
  options.number[NUMBER_HEADS] = heads;
  options.meaning = device->meaning;
  options.meaning.layout_given = layout_given;
  options.meaning.layout = layout;
  return walk_load(&options, NULL, NULL, WALK_TEXT, l);
}

/* ---- routing and content ----------------------------------------------------------------------------------------- */

/* Two rows of Wv or Wk, or two columns of Wq, are exchanged. */
typedef struct change {
  const char *name, *what;
  clattn_tensor w; /* CLATTN_TENSOR_COUNT: nothing */
  bool columns;
} change;

static const change changes[] = {
    {"unchanged", NULL, CLATTN_TENSOR_COUNT, false},
    {"V changed", "beings hand over what things handed over, and the reverse", CLATTN_WV, false},
    {"K changed", "beings offer what things offered, and the reverse", CLATTN_WK, false},
    {"Q changed", "tokens that asked for a being ask for a thing, and the reverse", CLATTN_WQ, true}};
enum { CHANGES = sizeof changes / sizeof changes[0], ANIMATE = 0, THING = 1, DOG = 1, BALL = 4 };

typedef struct routed {
  float weights[WALK_MOST * WALK_MOST], context[WALK_MOST * WALK_MOST];
} routed;

static void swap_places(const walk *w, const change *c, float *matrix) {
  size_t shape[4];
  clattn_problem_shape(&w->seen, c->w, shape);
  const size_t steps = c->columns ? shape[0] : shape[1], step = c->columns ? shape[1] : 1;
  const size_t second = c->columns ? THING : THING * shape[1];
  for (size_t i = 0; i < steps; ++i) {
    float *a = matrix + i * step + (size_t)ANIMATE, *b = matrix + i * step + second;
    const float kept = *a;
    *a = *b;
    *b = kept;
  }
}

static int route(walk *w, const change *c, routed *to) {
  clattn_inputs inputs = *w->of.inputs;
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .weights = to->weights, .context = to->context};
  float *copy = NULL;
  clattn_error error;
  if (c->w != CLATTN_TENSOR_COUNT) {
    const size_t bytes = clattn_input_bytes(&w->seen, c->w);
    copy = malloc(bytes);
    if (copy == NULL) {
      complain("no host memory for a matrix");
      return EXIT_BAD_INPUT;
    }
    memcpy(copy, clattn_inputs_get(&inputs, c->w), bytes);
    swap_places(w, c, copy);
    clattn_inputs_set(&inputs, c->w, copy);
  }
  const clattn_status status = clattn_plan_run(w->plan, &inputs, &outputs, NULL, &error);
  free(copy);
  return status == CLATTN_OK ? GO_ON : complain_of(&error);
}

/* Without fmax: GCC 12 for 64-bit ARM crashes where a loop widens what fmax gathers. */
static double largest_difference(const float *a, const float *b, size_t count) {
  double largest = 0.0;
  for (size_t i = 0; i < count; ++i) {
    const double difference = fabs((double)a[i] - (double)b[i]);
    if (difference > largest) largest = difference;
  }
  return largest;
}

/* Says whether the weights changed, and by how much the context did. */
static void say_change(const walk *w, const change *c, const routed *before, const routed *after) {
  const size_t n = w->seen.query_len, columns = w->seen.heads * w->seen.value_dim;
  const float *row = after->weights + w->focus * n;
  const double moved = largest_difference(after->context, before->context, n * columns);
  char dog[16], ball[16];
  printf("  %s: %s.\n    ", c->name, c->what);
  if (memcmp(before->weights, after->weights, n * n * sizeof(float)) == 0)
    printf("All %zu weights are the same, bit for bit: routing stays.", n * n);
  else
    printf("\"it\" gives %s to \"dog\", %s to \"ball\": routing moves.", clattn_words_share((double)row[DOG], dog),
           clattn_words_share((double)row[BALL], ball));
  printf(" Context moves by up to %.4g.\n", moved);
}

static int print_routing(walk *w, picture_folders pictures) {
  static routed result[CHANGES];
  const example *e = w->example;
  const size_t n = w->seen.query_len, columns = w->seen.heads * w->seen.value_dim;
  walk_step table = {.kind = WALK_TABLE};
  const char *const names[] = {"w(dog)", "w(ball)", e->value_features[0], e->value_features[1], e->value_features[2]};
  demo_name_columns(&table, names, 5);
  for (size_t i = 0; i < CHANGES; ++i) {
    const int code = route(w, &changes[i], &result[i]);
    if (code != GO_ON) return code;
    float *row = demo_add_row(&table, changes[i].name);
    row[0] = result[i].weights[w->focus * n + DOG];
    row[1] = result[i].weights[w->focus * n + BALL];
    memcpy(row + 2, result[i].context + w->focus * columns, 3 * sizeof(float));
  }
  demo_headline("Routing and content: the dog chased the ball because it was excited");
  puts("Q and K decide which token listens to which, V decides what it hears. Below: the weights and\n"
       "the context of \"it\".\n");
  print_table(&table);
  putchar('\n');
  for (size_t i = 1; i < CHANGES; ++i) say_change(w, &changes[i], &result[0], &result[i]);
  if (!pictures_write_table(&table, 2, "routing", "routing: weights of \"it\"", pictures)) return EXIT_BAD_INPUT;
  return demo_result(&w->check);
}

static int run_routing_demo(const run_options *o, picture_folders pictures) {
  loaded_walk l;
  int code = walk_example(o, "dog-chased-ball", 0, false, CLATTN_LAYOUT_XW, &l);
  if (code == GO_ON) code = print_routing(&l.walk, pictures);
  walk_unload(&l);
  return code;
}

/* ---- one head and two -------------------------------------------------------------------------------------------- */

static void add_weights(const walk *w, walk_step *table) {
  for (size_t h = 0; h < w->heads; ++h) {
    char name[WALK_NAME];
    if (w->heads == 1)
      snprintf(name, sizeof name, "one head");
    else
      snprintf(name, sizeof name, "%s of two heads", h == 0 ? "first" : "second");
    memcpy(demo_add_row(table, name), clattn_walk_scores_row(w, w->outputs.weights, h, clattn_walk_focus_row(w)),
           w->seen.key_len * sizeof(float));
  }
}

static void say_head(const walk_step *table, size_t r) {
  char share[16];
  size_t best = 0;
  for (size_t c = 1; c < table->columns; ++c)
    if (table->value[r][c] > table->value[r][best]) best = c;
  printf("  %s: \"%s\" first, %s\n", table->row[r], table->column[best],
         clattn_words_share((double)table->value[r][best], share));
}

static void compare_layouts(const walk *w, const walk *turned) {
  const size_t count = clattn_tensor_elements(&w->seen, CLATTN_Q);
  const double off = largest_difference(w->outputs.q, turned->outputs.q, count);
  printf(
      "\nThe article writes Q = X·Wᵀ and Q = X·W. With the matrix transposed to fit, both give the same %zu numbers\n"
      "(largest difference %g).\n",
      count, off);
}

static int run_heads_demo(const run_options *o, picture_folders pictures) {
  loaded_walk all[3];
  memset(all, 0, sizeof all);
  const walk *one = &all[0].walk, *two = &all[1].walk, *turned = &all[2].walk;
  walk_step table = {.kind = WALK_TABLE};
  int code = walk_example(o, "cat-sat-down", 1, false, CLATTN_LAYOUT_XW, &all[0]);
  if (code == GO_ON) code = walk_example(o, "cat-sat-down", 2, false, CLATTN_LAYOUT_XW, &all[1]);
  if (code == GO_ON) code = walk_example(o, "cat-sat-down", 1, true, CLATTN_LAYOUT_XW, &all[2]);
  if (code == GO_ON) {
    demo_name_columns(&table, one->example->tokens, one->seen.key_len);
    add_weights(one, &table);
    add_weights(two, &table);
    demo_headline("One head and two: the cat sat down");
    puts("Two heads split the columns of Q, K and V in the middle, and each has its own softmax. One head\n"
         "must divide its attention among all that is asked. Below: the weights of \"sat\".\n");
    print_table(&table);
    putchar('\n');
    for (size_t r = 0; r < table.rows; ++r) say_head(&table, r);
    compare_layouts(one, turned);
    if (!pictures_write_table(&table, table.columns, "heads", "heads: weights of \"sat\"", pictures))
      code = EXIT_BAD_INPUT;
    else
      code = demo_result(!one->check.passed ? &one->check : !two->check.passed ? &two->check : &turned->check);
  }
  for (size_t i = 0; i < 3; ++i) walk_unload(&all[i]);
  return code;
}

/* ---- common confusions -------------------------------------------------------------------------------------- */

static void print_vector(const char *name, const float *values, size_t count) {
  char text[24];
  printf("%s = [", name);
  for (size_t i = 0; i < count; ++i) printf("%s%s", i > 0 ? ", " : "", clattn_text_own_digits((double)values[i], text));
  fputs("]", stdout);
}

enum { APPLE = 1, PHONES = 2 };

static size_t equal_keys(const walk *w) {
  size_t equal = 0;
  for (size_t j = 0; j < w->seen.key_len; ++j)
    equal += memcmp(clattn_walk_query(w, 0, APPLE), clattn_walk_key(w, 0, j), w->seen.head_dim * sizeof(float)) == 0;
  return equal;
}

static void print_confusions(const walk *w) {
  const clattn_problem *p = &w->seen;
  const float *products = clattn_walk_scores_row(w, w->outputs.products, 0, APPLE);
  demo_headline("Four common confusions, each with numbers: love Apple phones");
  puts("\nAre keys returned? No: queries are compared with keys, and values are returned.");
  print_vector("  k(phones)", clattn_walk_key(w, 0, PHONES), p->head_dim);
  print_vector(", context(Apple)", clattn_walk_context(w, 0, APPLE), p->value_dim);
  printf(": %zu numbers, like a value, not %zu like a key\n", p->value_dim, p->head_dim);
  puts("\nIs one token the query and another the key? Every token has all three.");
  print_vector("  q(phones)", clattn_walk_query(w, 0, PHONES), p->head_dim);
  print_vector(", k(phones)", clattn_walk_key(w, 0, PHONES), p->head_dim);
  print_vector(", v(phones)", clattn_walk_value(w, 0, PHONES), p->value_dim);
  puts("\n\nDoes the query look for an equal key? No: keys are compared by dot product.");
  print_vector("  q(Apple)", clattn_walk_query(w, 0, APPLE), p->head_dim);
  printf(" equals %zu of %zu keys; q(Apple)·k(phones) = %g is still the largest product\n", equal_keys(w), p->key_len,
         (double)products[PHONES]);
  puts("\nIs the value the token itself? No: it is x·Wv, computed from the token.");
  print_vector("  x(phones)", w->outputs.x_positioned + PHONES * p->model_dim, p->model_dim);
  print_vector(", v(phones)", clattn_walk_value(w, 0, PHONES), p->value_dim);
  putchar('\n');
}

static int run_confusions_demo(const run_options *o, picture_folders pictures) {
  (void)pictures; /* it has none */
  loaded_walk l;
  int code = walk_example(o, "love-apple-phones", 0, false, CLATTN_LAYOUT_XW, &l);
  if (code == GO_ON) {
    print_confusions(&l.walk);
    code = demo_result(&l.walk.check);
  }
  walk_unload(&l);
  return code;
}

/* ---- another scale beside the default ------------------------------------------------------------------------ */

int demo_scales(const run_options *options, const token_names *names, const walk *w) {
  run_options other = *options;
  loaded_walk scaled;
  walk_name focus, number;
  other.meaning.scale_given = false;
  snprintf(number, sizeof number, "%zu", w->focus);
  clattn_walk_query_name(w, w->focus, focus);
  int code = walk_load(&other, names, number, WALK_TEXT, &scaled);
  for (size_t h = 0; code == GO_ON && h < w->heads; ++h) {
    const walk *const walks[] = {w, &scaled.walk};
    walk_step table = {.kind = WALK_TABLE, .columns = w->key[h].count};
    for (size_t c = 0; c < table.columns; ++c) clattn_walk_key_name(w, w->key[h].index[c], table.column[c]);
    for (int i = 0; i < 2; ++i) {
      char name[WALK_NAME];
      snprintf(name, sizeof name, "scale %.7g", (double)clattn_problem_scale(&walks[i]->seen));
      float *row = demo_add_row(&table, name);
      const float *from =
          clattn_walk_scores_row(walks[i], walks[i]->outputs.weights, h, clattn_walk_focus_row(walks[i]));
      for (size_t c = 0; c < table.columns; ++c) row[c] = from[w->key[h].index[c]];
    }
    printf("\n%sweights of \"%s\"%s with this scale, and with 1 / sqrt(head_dim)\n\n", style(PLAIN), focus,
           w->heads > 1 ? " in each head" : "");
    print_table(&table);
  }
  if (code == GO_ON) code = demo_result(&scaled.walk.check);
  walk_unload(&scaled);
  return code;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const demo demos[] = {
    {"dictionary", "please-study-man", "a dictionary, hard and soft: from a blend to the exact answer", demo_dictionary,
     true},
    {"routing", "dog-chased-ball", "what changes if only V is changed, and what if Q or K is", run_routing_demo, true},
    {"bank", "dog-chased-ball", "one word, two meanings: the sentence decides", demo_bank, true},
    {"heads", "cat-sat-down", "one head and two, and Q = X·W beside Q = X·Wᵀ", run_heads_demo, true},
    {"confusions", "love-apple-phones", "common confusions, each with numbers", run_confusions_demo, false},
};

size_t demo_count(void) {
  return sizeof demos / sizeof demos[0];
}

const demo *demo_at(size_t index) {
  return index < demo_count() ? &demos[index] : NULL;
}

const demo *demo_find(const char *name) {
  for (size_t i = 0; i < demo_count(); ++i)
    if (strcmp(demos[i].name, name) == 0) return &demos[i];
  return NULL;
}
