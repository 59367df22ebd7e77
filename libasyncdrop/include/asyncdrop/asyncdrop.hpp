// The whole library but for teardown_export.hpp. Prefer the single headers: each is one piece, and Asio's
// templates are slow to compile.
#pragma once

#include <asyncdrop/arc.hpp>
#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/bridge.hpp>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/drop_deadline.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/exception_to_error.hpp>
#include <asyncdrop/flatten.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/gate.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/lazy.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/occupant.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/registry.hpp>
#include <asyncdrop/result.hpp>
#include <asyncdrop/scope.hpp>
#include <asyncdrop/shared.hpp>
#include <asyncdrop/shared_map.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/task.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/try_with_async_drop.hpp>
#include <asyncdrop/version.hpp>
#include <asyncdrop/with_async_drop.hpp>
