# Compiles SNIPPET with COMPILER and FLAGS: must work without -DMISTAKE, and fail with it, with a message that
# matches the regular expression in the snippet's first line ("// expect: <regex>").
file(STRINGS "${SNIPPET}" first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expect: (.+)$")
    message(FATAL_ERROR "${SNIPPET} does not begin with '// expect: <regular expression>'")
endif()
set(expected "${CMAKE_MATCH_1}")

execute_process(COMMAND ${COMPILER} ${FLAGS} "${SNIPPET}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "The snippet does not compile even without its mistake:\n${output}")
endif()

execute_process(COMMAND ${COMPILER} ${FLAGS} -DMISTAKE "${SNIPPET}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
    message(FATAL_ERROR "The mistake compiles.")
endif()
if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "The mistake fails, but not with '${expected}':\n${output}")
endif()
