/* For common/exchange.cl, without sub-groups: rows are never in step, and the compiler leaves out what would be done
 * then.
 */
#define ASK_FOR_STEP

int rows_in_step(local int *apart) {
  return 0;
}

void in_step_barrier(void) {
}

float in_step_max(float mine) {
  return mine;
}

float in_step_sum(float mine) {
  return mine;
}
