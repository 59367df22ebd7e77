// expect: deleted
// The guard would be gone before the cleanup has begun.
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "file.hpp"

void run(boost::asio::io_context& context) {
#ifdef MISTAKE
    open_file().async_drop(context.get_executor(), boost::asio::detached);
#else
    auto file = open_file();
    file.async_drop(context.get_executor(), boost::asio::detached);
#endif
}
