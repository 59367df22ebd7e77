// The library's functions that are no templates, for programs that compile them once.
//
// Include this in exactly one source file of a program that defines ASYNCDROP_SEPARATE_COMPILATION everywhere;
// the CMake target asyncdrop::compiled does both.
#pragma once

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#error "asyncdrop/impl/src.hpp is for programs that define ASYNCDROP_SEPARATE_COMPILATION everywhere"
#endif

#include <asyncdrop/impl/async_lock.ipp>
#include <asyncdrop/impl/box.ipp>
#include <asyncdrop/impl/bridge.ipp>
#include <asyncdrop/impl/completion.ipp>
#include <asyncdrop/impl/drop_concurrently.ipp>
#include <asyncdrop/impl/drop_in_order.ipp>
#include <asyncdrop/impl/droppable.ipp>
#include <asyncdrop/impl/error.ipp>
#include <asyncdrop/impl/exception_to_error.ipp>
#include <asyncdrop/impl/forgotten.ipp>
#include <asyncdrop/impl/gate.ipp>
#include <asyncdrop/impl/gate_state.ipp>
#include <asyncdrop/impl/install.ipp>
#include <asyncdrop/impl/launch.ipp>
#include <asyncdrop/impl/occupants_text.ipp>
#include <asyncdrop/impl/registry.ipp>
#include <asyncdrop/impl/scope.ipp>
#include <asyncdrop/impl/serial_executor.ipp>
#include <asyncdrop/impl/shield.ipp>
#include <asyncdrop/impl/shielded.ipp>
#include <asyncdrop/impl/stack.ipp>
#include <asyncdrop/impl/task.ipp>
#include <asyncdrop/impl/task_group.ipp>
#include <asyncdrop/impl/teardown_build.ipp>
#include <asyncdrop/impl/teardown_export.ipp>
#include <asyncdrop/impl/teardown_graph.ipp>
#include <asyncdrop/impl/teardown_report.ipp>
#include <asyncdrop/impl/teardown_run.ipp>
#include <asyncdrop/impl/teardown_settings.ipp>
#include <asyncdrop/impl/teardown_text.ipp>
#include <asyncdrop/impl/wait_list.ipp>

template <>
const char asyncdrop::detail::CompiledOnce::here = 0;
