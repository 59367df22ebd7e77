// A strand of any executor, for what must not run concurrently with its own cancellation.
//
// Like asio::make_strand(any_io_executor), but one shared pointer, so that it lies inside an any_io_executor
// instead of behind Asio's own reference count (whose fence ThreadSanitizer does not understand).
//
// Threads: immutable after construction; copies may be used concurrently. Like any strand it must not outlive
// its context.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <boost/asio/any_io_executor.hpp>

namespace asyncdrop::detail {

boost::asio::any_io_executor serial_executor(const boost::asio::any_io_executor& inner);

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/serial_executor.ipp>
#endif
