// Each source is laid over those before it.
#include "demofs/fs/salvage/content_plan.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

namespace demofs::fs {
namespace {

class Layers {
  public:
    void lay(std::uint64_t begin, std::uint64_t end, std::size_t source) {
        cut_at(begin);
        cut_at(end);
        parts_.erase(parts_.lower_bound(begin), parts_.lower_bound(end));
        parts_[begin] = {begin, end, source};
    }

    std::vector<ContentPart> take() {
        std::vector<ContentPart> all;
        all.reserve(parts_.size());
        for (const auto& [begin, part] : parts_) all.push_back(part);
        return all;
    }

  private:
    // No part goes across `place` any more.
    void cut_at(std::uint64_t place) {
        auto at = parts_.lower_bound(place);
        if (at == parts_.begin()) return;
        ContentPart& part = std::prev(at)->second;
        if (part.end <= place) return;
        parts_[place] = {place, part.end, part.source};
        part.end = place;
    }

    std::map<std::uint64_t, ContentPart> parts_;  // by their begin; disjoint
};

}  // namespace

void sort_by_time(std::vector<ContentSource>& sources) {
    const auto order = [](const ContentSource& source) {
        return std::make_tuple(source.time, !source.by_header, source.run.segment.sequence,
                               source.run.first_block);
    };
    std::ranges::stable_sort(sources, {}, order);
}

std::vector<ContentPart> lay_over(const std::vector<ContentSource>& sources) {
    Layers layers;
    for (std::size_t i = 0; i < sources.size(); ++i) layers.lay(sources[i].begin, sources[i].end(), i);
    return layers.take();
}

}  // namespace demofs::fs
