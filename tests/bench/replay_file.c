/* SPDX-License-Identifier: Apache-2.0 */

#include "replay_file.h"
#include "replay_log.h"

#include <rte_ether.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PCAP_MAGIC_USEC 0xa1b2c3d4u
#define PCAP_MAGIC_NSEC 0xa1b23c4du
#define PCAP_ETHERNET 1

struct pcap_header {
    uint32_t magic;
    uint16_t version[2];
    uint32_t unused[2];
    uint32_t snap_length;
    uint32_t link_type;
};

struct pcap_record {
    uint32_t seconds;
    uint32_t fraction;
    uint32_t captured; /* bytes that follow */
    uint32_t length;   /* bytes the frame had */
};

/* A pcap file in memory, and how far it is read. */
struct pcap {
    const char *path;
    uint32_t copy; /* bytes of each frame that are wanted */
    const uint8_t *bytes;
    size_t size;
    size_t offset;
};

static int bad_pcap(const struct pcap *pcap, const char *why)
{
    LOG("%s: %s\n", pcap->path, why);
    return -EINVAL;
}

static int pcap_map(struct pcap *pcap)
{
    struct stat status = {0};
    int fd = open(pcap->path, O_RDONLY | O_CLOEXEC);
    void *map = MAP_FAILED;
    int err;

    if (fd >= 0 && fstat(fd, &status) == 0)
        map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    err = errno;
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED) {
        LOG("%s: %s\n", pcap->path, strerror(err));
        return -err;
    }
    pcap->bytes = map;
    pcap->size = (size_t)status.st_size;
    return 0;
}

static int pcap_read_header(struct pcap *pcap)
{
    struct pcap_header header;

    if (pcap->size < sizeof(header))
        return bad_pcap(pcap, "too short for a pcap file");
    memcpy(&header, pcap->bytes, sizeof(header));
    if (header.magic != PCAP_MAGIC_USEC && header.magic != PCAP_MAGIC_NSEC)
        return bad_pcap(pcap, "not a pcap file in this machine's byte order");
    if (header.link_type != PCAP_ETHERNET)
        return bad_pcap(pcap, "not a pcap file of Ethernet frames");
    pcap->offset = sizeof(header);
    return 0;
}

/* The next frame's bytes, or NULL at the end of the file and where it is cut off. */
static const uint8_t *pcap_next(struct pcap *pcap, struct pcap_record *record)
{
    const uint8_t *frame = pcap->bytes + pcap->offset + sizeof(*record);
    size_t left = pcap->size - pcap->offset;

    if (left < sizeof(*record))
        return NULL;
    memcpy(record, pcap->bytes + pcap->offset, sizeof(*record));
    if (left - sizeof(*record) < record->captured)
        return NULL;
    pcap->offset += sizeof(*record) + record->captured;
    return frame;
}

/* Bytes of the frame that are received; the file must have as many. */
static uint32_t bytes_kept(const struct pcap *pcap, const struct pcap_record *record)
{
    return RTE_MIN(record->length, pcap->copy);
}

static size_t lines_for(uint32_t bytes)
{
    return (sizeof(struct frame) + bytes + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE;
}

static int frames_measure(struct frames *frames, struct pcap pcap)
{
    struct pcap_record record;

    while (pcap_next(&pcap, &record) != NULL) {
        size_t lines = lines_for(bytes_kept(&pcap, &record));

        if (record.length == 0 || record.length > RTE_ETHER_MAX_JUMBO_FRAME_LEN)
            return bad_pcap(&pcap, "has a frame of a length that no frame has");
        if (record.captured < bytes_kept(&pcap, &record))
            return bad_pcap(&pcap, "has only the heads of its frames: set copy to their length");
        frames->lines = frames->count == 0 || frames->lines == lines ? (uint16_t)lines : 0;
        frames->size += lines * RTE_CACHE_LINE_SIZE;
        frames->longest = RTE_MAX(frames->longest, record.length);
        frames->count++;
    }
    if (pcap.offset != pcap.size)
        return bad_pcap(&pcap, "is cut off");
    return frames->count != 0 ? 0 : bad_pcap(&pcap, "has no frames");
}

/* In huge pages where the kernel gives them: a NIC's DMA costs the core no TLB misses either. */
static int frames_fill(struct frames *frames, struct pcap pcap)
{
    struct frame *frame = mmap(NULL, frames->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pcap_record record;
    const uint8_t *data;

    if (frame == MAP_FAILED)
        return -ENOMEM;
    madvise(frame, frames->size, MADV_HUGEPAGE);
    frames->first = frame;
    frames->end = RTE_PTR_ADD(frame, frames->size);
    while ((data = pcap_next(&pcap, &record)) != NULL) {
        frame->bytes = (uint16_t)record.length;
        frame->lines = (uint16_t)lines_for(bytes_kept(&pcap, &record));
        memcpy(frame->data, data, bytes_kept(&pcap, &record));
        frame = RTE_PTR_ADD(frame, (size_t)frame->lines * RTE_CACHE_LINE_SIZE);
    }
    return 0;
}

int frames_load(struct frames *frames, const char *path, uint32_t copy)
{
    struct pcap pcap = {.path = path, .copy = copy};
    int err = pcap_map(&pcap);

    if (err != 0)
        return err;
    err = pcap_read_header(&pcap);
    if (err == 0)
        err = frames_measure(frames, pcap);
    if (err == 0)
        err = frames_fill(frames, pcap);
    munmap((void *)(uintptr_t)pcap.bytes, pcap.size);
    return err;
}

void frames_free(struct frames *frames)
{
    if (frames->first != NULL)
        munmap(frames->first, frames->size);
}

const struct frame *frames_after(const struct frames *frames, const struct frame *frame, uint64_t count)
{
    size_t frame_size = (size_t)frames->lines * RTE_CACHE_LINE_SIZE;

    count %= frames->count;
    if (frame_size != 0) {
        count += (size_t)RTE_PTR_DIFF(frame, frames->first) / frame_size;
        return RTE_PTR_ADD(frames->first, count % frames->count * frame_size);
    }
    for (; count > 0; count--)
        frame = frame_after(frames, frame);
    return frame;
}

int capture_open(struct capture *capture, const char *path, uint64_t count)
{
    const struct pcap_header header = {
        .magic = PCAP_MAGIC_USEC,
        .version = {2, 4},
        .snap_length = UINT16_MAX,
        .link_type = PCAP_ETHERNET,
    };

    capture->file = fopen(path, "we");
    if (capture->file == NULL || fwrite(&header, sizeof(header), 1, capture->file) != 1) {
        LOG("%s: %s\n", path, strerror(errno));
        return -EIO;
    }
    rte_spinlock_init(&capture->lock);
    capture->left = count;
    return 0;
}

void capture_close(struct capture *capture)
{
    if (capture->file != NULL)
        fclose(capture->file);
}

static void capture_frame(FILE *file, const struct rte_mbuf *mbuf)
{
    const struct pcap_record record = {.captured = mbuf->pkt_len, .length = mbuf->pkt_len};

    fwrite(&record, sizeof(record), 1, file);
    for (const struct rte_mbuf *segment = mbuf; segment != NULL; segment = segment->next)
        fwrite(rte_pktmbuf_mtod(segment, const void *), 1, segment->data_len, file);
}

void capture_burst(struct capture *capture, struct rte_mbuf **mbufs, uint16_t count)
{
    rte_spinlock_lock(&capture->lock);
    for (uint16_t i = 0; i < count && capture->left > 0; i++) {
        capture_frame(capture->file, mbufs[i]);
        __atomic_store_n(&capture->left, capture->left - 1, __ATOMIC_RELAXED);
    }
    fflush(capture->file);
    rte_spinlock_unlock(&capture->lock);
}
