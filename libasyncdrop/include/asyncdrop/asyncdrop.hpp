// The whole library. Prefer the single headers: each is one piece, and Asio's templates are slow to compile.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
