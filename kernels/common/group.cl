/* The number of this work-group. A long launch is divided into several (clattn_plan_options.launch_seconds), each with
 * its own offset: get_global_id() counts through all of them, but get_group_id() starts at 0 in each. */
size_t group_id(uint dimension) {
  return get_global_offset(dimension) / get_local_size(dimension) + get_group_id(dimension);
}
