/* calls URL: every call of the library, with what callers do wrong. A condition that does not hold ends the program. */
#include <longshore.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s; error: %s\n", __FILE__, __LINE__, #condition, error);                \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define DEADLINE_MS 20000
#define PIXELS (128 * 128 * 3)
#define THREADS 4
#define ROUNDS_MAX 100

static char error[256];
static const char *labels[] = {"background", "person"};
static float pixels[PIXELS];
static const size_t shape[] = {1, 128, 128, 3};

static longshore_options described(void)
{
    longshore_options options = {
        .size = sizeof options, .model = "person-detect", .models = "models", .labels = labels, .label_count = 2};
    return options;
}

static longshore_status open_with(const longshore_options *options, longshore_device **device)
{
    return longshore_device_open(options, device, error, sizeof error);
}

static void refused(longshore_options options, longshore_status status, const char *words)
{
    longshore_device *device = (longshore_device *)&options;
    CHECK(open_with(&options, &device) == status);
    CHECK(device == NULL);
    CHECK(strstr(error, words) != NULL);
}

static void options_are_checked(void)
{
    longshore_options options = described();
    longshore_device *device;
    const char *edge[] = {"ftp://edge"}, *encrypted[] = {"https://127.0.0.1:9"}, *missing[] = {NULL};

    CHECK(open_with(NULL, &device) == LONGSHORE_STATUS_INVALID_ARGUMENT && strstr(error, "options is NULL"));
    CHECK(open_with(&options, NULL) == LONGSHORE_STATUS_INVALID_ARGUMENT && strstr(error, "device is NULL"));
    options.size = 0;
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.size is 0: set it to sizeof");
    options = described(), options.size += 8;
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.size");
    options = described(), options.model = NULL;
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.model is NULL");
    options = described(), options.model = "\xff";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.model is not UTF-8");
    options = described(), options.edges = edge, options.edge_count = 1;
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "\"ftp://edge\" must have the form https://HOST:PORT");
    options.edges = missing;
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.edges is NULL");
    options.edge_count = 65;
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.edges has 65 elements: at most 64");
    options = described(), options.edge_srv = "edge.example";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.edge_srv: ");
    options = described(), options.edges = encrypted, options.edge_count = 1;
    refused(options, LONGSHORE_STATUS_BAD_CONFIGURATION, "give the authorities");
    options.ca_file = "missing.crt";
    refused(options, LONGSHORE_STATUS_BAD_CONFIGURATION, "missing.crt");
    options = described(), options.key_file = "device.key";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "give both or neither");
    options = described(), options.token_file = "token";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.ca_file");
    options = described(), options.device_class = "toaster";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.device_class must be one of vehicle");
    options = described(), options.link = "wire";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.link must be one of wifi");
    options = described(), options.channels = "blue";
    refused(options, LONGSHORE_STATUS_INVALID_ARGUMENT, "options.channels must be one of minus-one-to-one");
    options = described(), options.capacity_bytes = 1000;
    refused(options, LONGSHORE_STATUS_BAD_CONFIGURATION, "no edge URL, no SRV name, no mDNS and no model");
}

static void a_short_buffer_for_the_error_is_filled_and_ended(void)
{
    longshore_options options = described();
    longshore_device *device;
    char words[9];
    memset(words, 'x', sizeof words);
    options.model = NULL;
    CHECK(longshore_device_open(&options, &device, words, 8) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(strcmp(words, "options") == 0 && words[8] == 'x');
    CHECK(longshore_device_open(&options, &device, NULL, 0) == LONGSHORE_STATUS_INVALID_ARGUMENT);
}

static longshore_status infer(
    const longshore_device *device, const longshore_tensor *tensor, uint32_t deadline_ms, longshore_answer **answer)
{
    return longshore_infer_tensors(device, tensor, 1, deadline_ms, answer, error, sizeof error);
}

static longshore_tensor input(void)
{
    longshore_tensor tensor = {"in_nhwc", "FP32", shape, 4, (const uint8_t *)pixels, sizeof pixels};
    return tensor;
}

static void inputs_are_checked(const longshore_device *device)
{
    longshore_tensor tensor = input();
    longshore_answer *answer = (longshore_answer *)&tensor;
    CHECK(infer(NULL, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT && answer == NULL);
    CHECK(strcmp(error, "device is NULL") == 0);
    CHECK(infer(device, NULL, DEADLINE_MS, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(infer(device, &tensor, DEADLINE_MS, NULL) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(infer(device, &tensor, 0, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(strcmp(error, "deadline_ms is 0: it must be 1 to 600000") == 0);
    CHECK(infer(device, &tensor, 600001, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    tensor.data_length -= 4;
    CHECK(infer(device, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(strstr(error, "tensor \"in_nhwc\": shape and datatype ask for 196608 bytes, data has 196604"));
    tensor = input(), tensor.datatype = "FP33";
    CHECK(infer(device, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(strstr(error, "datatype \"FP33\" is not supported"));
    tensor = input(), tensor.rank = 17;
    CHECK(infer(device, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    tensor = input(), tensor.data = NULL;
    CHECK(infer(device, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(strstr(error, "tensor.data is NULL") && answer == NULL);
}

static void what_is_no_picture_is_an_answer_that_failed(const longshore_device *device)
{
    longshore_answer *answer;
    longshore_summary summary;
    char reason[32], detail[256];
    CHECK(longshore_infer_picture(device, (const uint8_t *)"no picture", 10, DEADLINE_MS, &answer, NULL, 0) ==
          LONGSHORE_STATUS_OK);
    CHECK(longshore_answer_summary(answer, &summary) == LONGSHORE_STATUS_OK);
    CHECK(summary.outcome == LONGSHORE_OUTCOME_FAILED && summary.place == LONGSHORE_PLACE_NONE);
    CHECK(isnan(summary.confidence) && isnan(summary.queue_ms) && isnan(summary.service_ms));
    CHECK(summary.output_count == 0);
    CHECK(longshore_answer_reason(answer, reason, sizeof reason, NULL) == LONGSHORE_STATUS_OK);
    CHECK(strcmp(reason, "input_unreadable") == 0);
    CHECK(longshore_answer_detail(answer, detail, sizeof detail, NULL) == LONGSHORE_STATUS_OK && detail[0] != '\0');
    longshore_answer_free(answer);
}

/* Waiting and running are parts of the whole. */
static void times_are_told(longshore_summary summary)
{
    CHECK(0 <= summary.queue_ms && 0 < summary.service_ms);
    CHECK(summary.queue_ms + summary.service_ms <= summary.latency_ms);
}

static void answers_are_read_into_buffers(const longshore_device *device)
{
    longshore_answer *answer;
    longshore_summary summary;
    longshore_tensor tensor = input();
    char label[16], digest[80];
    size_t needed = 0;
    CHECK(infer(device, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_OK && error[0] == '\0');
    CHECK(longshore_answer_summary(answer, NULL) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_answer_summary(NULL, &summary) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_answer_summary(answer, &summary) == LONGSHORE_STATUS_OK);
    CHECK(summary.outcome == LONGSHORE_OUTCOME_ANSWERED && summary.place == LONGSHORE_PLACE_DEVICE);
    CHECK(0.5f <= summary.confidence && summary.confidence <= 1);
    times_are_told(summary);

    CHECK(longshore_answer_label(answer, NULL, 0, &needed) == LONGSHORE_STATUS_SHORT_BUFFER);
    CHECK(needed == sizeof "background");
    memset(label, 'x', sizeof label);
    CHECK(longshore_answer_label(answer, label, 5, NULL) == LONGSHORE_STATUS_SHORT_BUFFER);
    CHECK(strcmp(label, "back") == 0 && label[5] == 'x');
    CHECK(longshore_answer_label(answer, label, needed, &needed) == LONGSHORE_STATUS_OK);
    CHECK(strcmp(label, "background") == 0);
    CHECK(longshore_answer_label(NULL, label, sizeof label, NULL) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_answer_model_digest(answer, digest, sizeof digest, &needed) == LONGSHORE_STATUS_OK);
    CHECK(needed == 72 && strncmp(digest, "sha256:091d65fd", 15) == 0);
    CHECK(longshore_answer_endpoint(answer, label, sizeof label, &needed) == LONGSHORE_STATUS_OK);
    CHECK(needed == 1 && label[0] == '\0');

    size_t found = 0;
    for (size_t index = 0; index < summary.output_count; index++) {
        char name[32];
        size_t extents[8];
        float values[2];
        longshore_output output = {0};
        CHECK(longshore_answer_output(answer, index, &output) == LONGSHORE_STATUS_SHORT_BUFFER);
        CHECK(output.name_needed <= sizeof name && output.rank <= 8 && 0 < output.data_length);
        output.name = name, output.name_capacity = sizeof name;
        output.shape = extents, output.shape_capacity = 8;
        output.data = (uint8_t *)values, output.data_capacity = sizeof values;
        longshore_status status = longshore_answer_output(answer, index, &output);
        CHECK(status == (output.data_length <= sizeof values ? LONGSHORE_STATUS_OK : LONGSHORE_STATUS_SHORT_BUFFER));
        if (strcmp(name, "probabilities") == 0) {
            found++;
            CHECK(strcmp(output.datatype, "FP32") == 0 && output.rank == 2 && output.data_length == 8);
            CHECK(extents[0] == 1 && extents[1] == 2 && values[0] == summary.confidence);
        }
    }
    CHECK(found == 1);
    CHECK(longshore_answer_output(answer, summary.output_count, &(longshore_output){0}) ==
          LONGSHORE_STATUS_INVALID_ARGUMENT);
    longshore_answer_free(answer);
    longshore_answer_free(NULL);
}

static void battery_zone_and_account_are_checked(const longshore_device *device)
{
    longshore_account account;
    CHECK(longshore_device_set_battery(device, 0) == LONGSHORE_STATUS_OK);
    CHECK(longshore_device_set_battery(device, -1) == LONGSHORE_STATUS_OK);
    CHECK(longshore_device_set_battery(device, 100.5f) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_device_set_battery(device, NAN) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_device_set_battery(NULL, 50) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_device_set_zone(device, "site-a") == LONGSHORE_STATUS_OK);
    CHECK(longshore_device_set_zone(device, NULL) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_device_set_zone(NULL, "site-a") == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_device_account(device, NULL) == LONGSHORE_STATUS_INVALID_ARGUMENT);
    CHECK(longshore_device_account(device, &account) == LONGSHORE_STATUS_OK);
    CHECK(0 < account.device_joules && account.edge_joules == 0 && account.edge_bytes == 0);
    /* One answer came from here. */
    CHECK(sizeof pixels <= account.saved_bytes && account.saved_bytes < 2 * sizeof pixels);
    CHECK(account.work_moves == 0 && account.held_by_margin == 0);
    CHECK(account.held_by_dwell == 0 && account.held_by_flap_limit == 0);
}

/* NULL when it was answered. */
static void *ask(void *device)
{
    longshore_tensor tensor = input();
    longshore_answer *answer;
    longshore_summary summary = {.outcome = LONGSHORE_OUTCOME_FAILED};
    longshore_infer_tensors(device, &tensor, 1, DEADLINE_MS, &answer, NULL, 0);
    longshore_answer_summary(answer, &summary);
    longshore_answer_free(answer);
    return summary.outcome == LONGSHORE_OUTCOME_ANSWERED ? NULL : device;
}

static void threads_share_a_device(const char *url)
{
    longshore_options options = described();
    longshore_device *device;
    longshore_account account;
    pthread_t threads[THREADS];
    options.edges = &url, options.edge_count = 1, options.models = NULL;
    options.device_class = "camera", options.link = "lte";
    CHECK(open_with(&options, &device) == LONGSHORE_STATUS_OK);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, ask, device) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        CHECK(pthread_join(threads[i], &failed) == 0 && failed == NULL);
    }
    CHECK(longshore_device_account(device, &account) == LONGSHORE_STATUS_OK);
    CHECK(account.device_joules == 0 && 0 < account.edge_joules && THREADS * sizeof pixels <= account.edge_bytes);
    CHECK(account.saved_bytes == 0);
    longshore_device_close(device);
}

static longshore_summary asked(const longshore_device *device, float battery_percent, char reason[32])
{
    longshore_answer *answer;
    longshore_summary summary;
    longshore_tensor tensor = input();
    CHECK(longshore_device_set_battery(device, battery_percent) == LONGSHORE_STATUS_OK);
    CHECK(infer(device, &tensor, DEADLINE_MS, &answer) == LONGSHORE_STATUS_OK);
    CHECK(longshore_answer_summary(answer, &summary) == LONGSHORE_STATUS_OK);
    CHECK(longshore_answer_reason(answer, reason, 32, NULL) == LONGSHORE_STATUS_OK);
    longshore_answer_free(answer);
    return summary;
}

/* The edge costs a vehicle far less energy than a run of its own, as it learns while its battery is so low that it must ask. */
static void work_that_the_policy_holds_is_counted(const char *url, const char *meant)
{
    longshore_options options = described();
    longshore_device *device;
    longshore_account account;
    longshore_summary there, here;
    char policy_file[40], reason[32];
    uint64_t held = 0;
    int rounds = 0;
    snprintf(policy_file, sizeof policy_file, "%s.json", meant);
    options.edges = &url, options.edge_count = 1;
    options.policy_file = policy_file, options.device_class = "vehicle";
    CHECK(open_with(&options, &device) == LONGSHORE_STATUS_OK);
    do {
        there = asked(device, 10, reason);
        here = asked(device, 21, reason);
        held += strcmp(reason, meant) == 0;
        CHECK(++rounds < ROUNDS_MAX);
    } while (there.place != LONGSHORE_PLACE_EDGE || strcmp(reason, meant) != 0);
    CHECK(here.place == LONGSHORE_PLACE_DEVICE);
    times_are_told(there);
    times_are_told(here);
    CHECK(longshore_device_account(device, &account) == LONGSHORE_STATUS_OK);
    CHECK(sizeof pixels <= account.saved_bytes && account.work_moves == 0 && account.held_by_dwell == 0);
    CHECK(account.held_by_margin == (strcmp(meant, "within_margin") == 0 ? held : 0));
    CHECK(account.held_by_flap_limit == (strcmp(meant, "flap_limit") == 0 ? held : 0));
    longshore_device_close(device);
}

static void without_an_edge_the_answer_comes_by_the_deadline(void)
{
    longshore_options options = described();
    longshore_device *device;
    longshore_answer *answer;
    longshore_summary summary;
    longshore_tensor tensor = input();
    const char *nobody[] = {"http://127.0.0.1:9"};
    options.edges = nobody, options.edge_count = 1, options.models = NULL;
    CHECK(open_with(&options, &device) == LONGSHORE_STATUS_OK);
    CHECK(infer(device, &tensor, 100, &answer) == LONGSHORE_STATUS_OK);
    CHECK(longshore_answer_summary(answer, &summary) == LONGSHORE_STATUS_OK);
    CHECK(summary.outcome != LONGSHORE_OUTCOME_ANSWERED && summary.place == LONGSHORE_PLACE_NONE);
    longshore_answer_free(answer);
    longshore_device_close(device);
}

int main(int argc, char **argv)
{
    longshore_options options = described();
    longshore_device *device;
    CHECK(argc == 2 && strcmp(longshore_version(), VERSION) == 0);
    options_are_checked();
    a_short_buffer_for_the_error_is_filled_and_ended();
    CHECK(open_with(&options, &device) == LONGSHORE_STATUS_OK && error[0] == '\0');
    inputs_are_checked(device);
    what_is_no_picture_is_an_answer_that_failed(device);
    answers_are_read_into_buffers(device);
    battery_zone_and_account_are_checked(device);
    longshore_device_close(device);
    longshore_device_close(NULL);
    threads_share_a_device(argv[1]);
    work_that_the_policy_holds_is_counted(argv[1], "within_margin");
    work_that_the_policy_holds_is_counted(argv[1], "flap_limit");
    without_an_edge_the_answer_comes_by_the_deadline();
    puts("every call did as it should");
    return 0;
}
