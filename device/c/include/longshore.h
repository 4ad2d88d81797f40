// Longshore's device library. Runs a model here or at a nearby edge node, whichever is right, and always answers by
// the deadline. Made by `make generate` from device/c/src; docs/c.md shows its use.

#ifndef LONGSHORE_H
#define LONGSHORE_H

#include <stddef.h>
#include <stdint.h>

// How a call ended. That no answer came in time is no failure of the call: see `longshore_outcome`.
typedef enum {
    // It did what was asked.
    LONGSHORE_STATUS_OK = 0,
    // An argument is NULL, out of its range or no UTF-8. Nothing was done.
    LONGSHORE_STATUS_INVALID_ARGUMENT = 1,
    // A buffer is too short. What it needs was told, and what fits was written.
    LONGSHORE_STATUS_SHORT_BUFFER = 2,
    // A model, policy or TLS file cannot be used.
    LONGSHORE_STATUS_BAD_CONFIGURATION = 3,
    // The library failed. Please report it.
    LONGSHORE_STATUS_INTERNAL = 4,
} longshore_status;

// How a request ended.
typedef enum {
    // There is a result.
    LONGSHORE_OUTCOME_ANSWERED = 0,
    // The deadline came first.
    LONGSHORE_OUTCOME_LATE = 1,
    // No place could give a result.
    LONGSHORE_OUTCOME_FAILED = 2,
} longshore_outcome;

// Where a result comes from.
typedef enum {
    // There is none.
    LONGSHORE_PLACE_NONE = 0,
    // The model on the device.
    LONGSHORE_PLACE_DEVICE = 1,
    // A node at the edge.
    LONGSHORE_PLACE_EDGE = 2,
    // The last result, repeated, as the policy's fallback says.
    LONGSHORE_PLACE_CACHE = 3,
} longshore_place;

// The answer to one input. All threads may read it at the same time.
typedef struct longshore_answer longshore_answer;

// One model, used from one device. All threads may use it at the same time; only closing needs that no other call with it
// runs or comes. A process that forks must not use it in the child.
typedef struct longshore_device longshore_device;

// What of an answer is a number.
typedef struct {
    // How the request ended.
    longshore_outcome outcome;
    // Where the result comes from.
    longshore_place place;
    // The largest probability; NaN where there is none.
    float confidence;
    // From the call until the answer, in milliseconds.
    double latency_ms;
    // Of that, how long it waited to be run: in the sidecar, or for the device's processor, in milliseconds. NaN where nothing
    // ran for this answer, or the node does not tell.
    double queue_ms;
    // Of that, how long it ran: in the model server, or here, in milliseconds. NaN as `queue_ms` is.
    double service_ms;
    // How many outputs of the model there are.
    size_t output_count;
} longshore_summary;

// Describes a device. Begin with zeros, `longshore_options options = { .size = sizeof options }`: a member that is zero has
// its default. All text is UTF-8 and ends in NUL; nothing is kept of it after the call.
typedef struct {
    // `sizeof(longshore_options)`. Must be set.
    size_t size;
    // Name of the model, 1 to 63 of a-z 0-9 - _ . Must be set.
    const char *model;
    // Edge nodes, `https://HOST:PORT` or `http://HOST:PORT`. One is enough: it tells the others.
    const char *const *edges;
    // How many they are, at most 64.
    size_t edge_count;
    // A DNS SRV name that leads to edge nodes, `_longshores._tcp.DOMAIN` (https) or `_longshore._tcp.DOMAIN` (in the clear).
    const char *edge_srv;
    // The network interface on which to look for edge nodes by multicast DNS; empty text: where the system sends multicast.
    // NULL: do not look.
    const char *edge_mdns;
    // Folder of models on the device, `DIR/NAME/VERSION/model.onnx`. Without the file everything runs at the edge.
    const char *models;
    // File that keeps the policy for times without a network.
    const char *policy_file;
    // Words for the indices of the model's probabilities. Default: those of the policy.
    const char *const *labels;
    // How many they are.
    size_t label_count;
    // Certificates of the authorities that sign for `https://` nodes, PEM; needed for them. This file and the next three
    // are read again when they change.
    const char *ca_file;
    // The device's certificate, then those that signed for it, PEM. Default: none is shown.
    const char *certificate_file;
    // Private key of the certificate, PEM.
    const char *key_file;
    // Bearer token that is sent to `https://` nodes and to no other. Default: none.
    const char *token_file;
    // The site where the device is, by the name that its nodes have for it. Default: unknown.
    const char *zone;
    // The kind of device, which says what energy costs: `vehicle`, `ar-glasses`, `factory-sensor`, `wearable` or `camera`. Default: a small camera.
    const char *device_class;
    // The kind of radio: `wifi`, `lte` or `5g`. Default: Wi-Fi.
    const char *link;
    // How a picture's channels of 0 to 255 become elements: `minus-one-to-one` (the default), `zero-to-one` or `raw`.
    const char *channels;
    // Largest model file that the device can hold, in bytes. 0: no bound.
    uint64_t capacity_bytes;
    // Uplink assumed until the first upload was measured, in kbit/s. 0: what is usual for the link.
    uint32_t uplink_kilobits_per_second;
} longshore_options;

// What requests cost so far, as the device's profile counts it, and how often work moved.
typedef struct {
    // Runs on the device, in joules.
    double device_joules;
    // Exchanges with the edge, in joules.
    double edge_joules;
    // What runs here would have cost that the edge made unnecessary, in joules.
    double saved_joules;
    // Request bodies that were begun to be sent, in bytes.
    uint64_t edge_bytes;
    // Request bodies that the device answered and sent nowhere, in bytes.
    uint64_t saved_bytes;
    // Moves of the work to the other place because it costs less.
    uint64_t work_moves;
    // Requests that stayed because the other place was better by less than the policy's margin.
    uint64_t held_by_margin;
    // Requests that stayed because work had moved too short a time ago.
    uint64_t held_by_dwell;
    // Requests that stayed because work had moved too often.
    uint64_t held_by_flap_limit;
} longshore_account;

// One of the model's inputs.
typedef struct {
    // The input's name.
    const char *name;
    // Type of every element: `BOOL`, `UINT8` to `UINT64`, `INT8` to `INT64`, `FP16`, `FP32` or `FP64`.
    const char *datatype;
    // Extent of each dimension.
    const size_t *shape;
    // How many dimensions there are, at most 16. 0: a scalar.
    size_t rank;
    // The elements, little-endian, row-major, without padding.
    const uint8_t *data;
    // Their length, in bytes.
    size_t data_length;
} longshore_tensor;

// One output of the model, for the caller's buffers. Begin with zeros to learn the lengths; a second call with buffers fills
// them.
typedef struct {
    // A buffer for the output's name, or NULL.
    char *name;
    // Its room, in bytes.
    size_t name_capacity;
    // Told: what the name needs with its NUL, in bytes.
    size_t name_needed;
    // Told: the type of every element, such as `FP32`. Its room is that of the longest name and its NUL.
    char datatype[8];
    // A buffer for the extent of each dimension, or NULL.
    size_t *shape;
    // Its room, in dimensions.
    size_t shape_capacity;
    // Told: how many dimensions there are.
    size_t rank;
    // A buffer for the elements, or NULL: little-endian, row-major, without padding.
    uint8_t *data;
    // Its room, in bytes.
    size_t data_capacity;
    // Told: the length of the elements, in bytes.
    size_t data_length;
} longshore_output;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Frees an answer. NULL is none.
//
// # Safety
// `answer` is NULL or a handle that was not freed, and no other call with it runs or comes.
void longshore_answer_free(longshore_answer *answer);

// Tells how a request ended, where, how sure and how fast.
//
// # Safety
// `answer` is NULL or a handle that was not freed; `summary` is NULL or a place for a summary.
longshore_status longshore_answer_summary(const longshore_answer *answer, longshore_summary *summary);

// Writes the label of the largest probability into the caller's buffer; empty where there is none. What does not fit is cut
// off. `*needed` becomes the length with the NUL; it may be NULL, as the buffer may.
//
// # Safety
// `answer` is NULL or a handle that was not freed; `buffer` is NULL or has room for `capacity` bytes.
longshore_status longshore_answer_label(const longshore_answer *answer,
                                        char *buffer,
                                        size_t capacity,
                                        size_t *needed);

// Writes the endpoint that answered, in a cluster the node's name. All else is as for `longshore_answer_label`.
//
// # Safety
// As for `longshore_answer_label`.
longshore_status longshore_answer_endpoint(const longshore_answer *answer,
                                           char *buffer,
                                           size_t capacity,
                                           size_t *needed);

// Writes the word for why it ran where it ran, or did not run; `docs/device.md` lists them. All else is as for
// `longshore_answer_label`.
//
// # Safety
// As for `longshore_answer_label`.
longshore_status longshore_answer_reason(const longshore_answer *answer,
                                         char *buffer,
                                         size_t capacity,
                                         size_t *needed);

// Writes the digest of the model that answered, `sha256:` and 64 hexadecimal digits. All else is as for
// `longshore_answer_label`.
//
// # Safety
// As for `longshore_answer_label`.
longshore_status longshore_answer_model_digest(const longshore_answer *answer,
                                               char *buffer,
                                               size_t capacity,
                                               size_t *needed);

// Writes what went wrong, for people. All else is as for `longshore_answer_label`.
//
// # Safety
// As for `longshore_answer_label`.
longshore_status longshore_answer_detail(const longshore_answer *answer,
                                         char *buffer,
                                         size_t capacity,
                                         size_t *needed);

// The version of the library, such as `0.1.0`.
const char *longshore_version(void);

// Starts a device: loads the model and waits about a second at most for the edge's first answers. A silent edge is no error.
//
// `*device` is the handle, NULL unless the status is OK. `error` gets a sentence that names what is wrong and the fix, cut off
// at `error_capacity` bytes, or becomes empty; it may be NULL.
//
// # Safety
// Every pointer is NULL or leads to what it says.
longshore_status longshore_device_open(const longshore_options *options,
                                       longshore_device **device,
                                       char *error,
                                       size_t error_capacity);

// Ends a device. NULL is none. Waits at most a second for a run of the model that cannot be interrupted.
//
// # Safety
// `device` is NULL or a handle that was not closed, and no other call with it runs or comes.
void longshore_device_close(longshore_device *device);

// Tells the battery level, 0 to 100 percent, or a negative number on mains power, which is how a device starts.
//
// # Safety
// `device` is NULL or a handle that was not closed.
longshore_status longshore_device_set_battery(const longshore_device *device,
                                              float percent);

// Tells the site where the device is by now, by the name that its nodes have for it.
//
// # Safety
// `device` is NULL or a handle that was not closed; `zone` is NULL or text that ends in NUL.
longshore_status longshore_device_set_zone(const longshore_device *device, const char *zone);

// Tells what requests cost so far, and how often work moved.
//
// # Safety
// `device` is NULL or a handle that was not closed; `account` is NULL or a place for an account.
longshore_status longshore_device_account(const longshore_device *device, longshore_account *account);

// Answers for a JPEG or PNG picture, of a model with one picture input, within `deadline_ms` milliseconds (1 to 600000).
//
// Blocks until there is an answer. `*answer` is NULL unless the status is OK; then it must be freed. It is also there when the
// deadline came first: its summary says so. For `error` see `longshore_device_open`.
//
// # Safety
// Every pointer is NULL or leads to what it says; `device` was not closed. Nothing of the picture is kept after the call.
longshore_status longshore_infer_picture(const longshore_device *device,
                                         const uint8_t *picture,
                                         size_t picture_length,
                                         uint32_t deadline_ms,
                                         longshore_answer **answer,
                                         char *error,
                                         size_t error_capacity);

// Answers for the model's inputs themselves, in any order. All else is as for `longshore_infer_picture`.
//
// # Safety
// Every pointer is NULL or leads to what it says; `device` was not closed. Nothing of the tensors is kept after the call.
longshore_status longshore_infer_tensors(const longshore_device *device,
                                         const longshore_tensor *tensors,
                                         size_t tensor_count,
                                         uint32_t deadline_ms,
                                         longshore_answer **answer,
                                         char *error,
                                         size_t error_capacity);

// Fills in one output of an answer, `index` counted from 0. What a buffer is too short for is left out or, of the name, cut
// off, and the status is `LONGSHORE_STATUS_SHORT_BUFFER`.
//
// # Safety
// `answer` is NULL or a handle that was not freed; `output` is NULL or an output whose buffers are NULL or have their room.
longshore_status longshore_answer_output(const longshore_answer *answer,
                                         size_t index,
                                         longshore_output *output);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LONGSHORE_H */
