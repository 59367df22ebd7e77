# Compiles SNIPPET with COMPILER, FLAGS and -DMISTAKE: must fail, with a message that matches the regular expression in the
# snippet's first line ("// expect: <regex>"). If its second line is "// g++ 12: <message>", which the documentation
# quotes, and IS_GCC_12 is true, with exactly that message, too.
set(ENV{LC_ALL} C)
file(STRINGS "${SNIPPET}" first_line LIMIT_COUNT 1)
file(STRINGS "${SNIPPET}" exact_line REGEX "^// g\\+\\+ 12: ")
if(NOT first_line MATCHES "^// expect: (.+)$")
    message(FATAL_ERROR "${SNIPPET} does not begin with '// expect: <regular expression>'")
endif()
set(expected "${CMAKE_MATCH_1}")

execute_process(COMMAND ${COMPILER} ${FLAGS} -DMISTAKE "${SNIPPET}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
    message(FATAL_ERROR "The mistake compiles.")
endif()
if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "The mistake fails, but not with '${expected}':\n${output}")
endif()
if(IS_GCC_12 AND exact_line)
    string(REPLACE "// g++ 12: " "" exact "${exact_line}")
    string(REPLACE "\\;" ";" exact "${exact}")  # file(STRINGS) makes a list
    string(FIND "${output}" "${exact}" place)
    if(place EQUAL -1)
        message(FATAL_ERROR "The mistake fails, but not with '${exact}':\n${output}")
    endif()
endif()
