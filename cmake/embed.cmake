# Writes OUTPUT, a C file with the contents of FILES (below FOLDER) as bytes: NAME_files and
# NAME_count, which HEADER declares. Run with cmake -P.
set(arrays "")
set(table "")
set(number 0)
separate_arguments(FILES UNIX_COMMAND "${FILES}")
foreach(file IN LISTS FILES)
  file(READ "${FOLDER}/${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n    "
         bytes "${bytes}")
  string(APPEND arrays "static const unsigned char text_${number}[] = {\n    ${bytes}};\n\n")
  string(APPEND table "    {\"${file}\", text_${number}, sizeof text_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
set(content "/* Made by cmake/embed.cmake. */\n#include \"${HEADER}\"\n\n${arrays}")
string(APPEND content "const clattn_embedded ${NAME}_files[] = {\n${table}};\n")
string(APPEND content "const size_t ${NAME}_count = ${number};\n")
file(WRITE "${OUTPUT}" "${content}")
