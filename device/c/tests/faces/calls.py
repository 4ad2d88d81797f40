"""calls.py URL VERSION: every call of the package, with what callers do wrong. A condition that does not hold ends it."""

import gc
import http.server
import json
import os
import sys
import threading

import longshore
import numpy

URL, VERSION = sys.argv[1:]
DEADLINE_MS = 20_000
LABELS = ["background", "person"]
ROUNDS_MAX = 100
NOISE = numpy.random.default_rng(1).uniform(-1, 1, (1, 128, 128, 3)).astype(numpy.float32)


def refused(kind, words, call):
    try:
        call()
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"{words!r} was not said")


def here(**options):
    return longshore.Device("person-detect", models="models", labels=LABELS, **options)


def arguments_are_checked():
    invalid, configuration = longshore.InvalidArgument, longshore.ConfigurationError
    refused(invalid, "\"ftp://edge\" must have the form", lambda: here(edges=["ftp://edge"]))
    refused(ValueError, "options.link must be one of wifi", lambda: here(link="wire"))
    refused(TypeError, "lists of text", lambda: here(edges=URL))
    refused(configuration, "no edge URL, no SRV name, no mDNS and no model", lambda: longshore.Device("person-detect"))
    refused(configuration, "missing.crt", lambda: here(ca_file="missing.crt"))
    refused(longshore.Error, "model name", lambda: longshore.Device("Nobody!", models="models"))


def inputs_are_checked(device):
    invalid = longshore.InvalidArgument
    for deadline_ms in (0, 600_001, 2**32 + 1):
        refused(invalid, "must be 1 to 600000", lambda: device.infer(b"", deadline_ms))
    refused(TypeError, "input is a str", lambda: device.infer("frame.jpg", DEADLINE_MS))
    refused(invalid, "dtype <U1", lambda: device.infer({"in_nhwc": numpy.array(["a"])}, DEADLINE_MS))
    refused(invalid, "percent is 101", lambda: device.set_battery(101))
    refused(invalid, "percent is nan", lambda: device.set_battery(float("nan")))
    failed = device.infer(b"no picture", DEADLINE_MS)
    assert (failed.outcome, failed.place, failed.reason) == ("failed", None, "input_unreadable"), failed
    assert failed.confidence is None and failed.label is None and failed.detail and not failed.outputs, failed
    assert failed.queue_ms is None and failed.service_ms is None, failed


def times_are_told(answer):
    """Waiting and running are parts of the whole."""
    assert 0 <= answer.queue_ms and 0 < answer.service_ms, answer
    assert answer.queue_ms + answer.service_ms <= answer.latency_ms, answer


def arrays_of_every_layout_are_taken(device):
    picture = device.infer(open("frame.jpg", "rb").read(), DEADLINE_MS)
    assert (picture.outcome, picture.place, picture.label) == ("answered", "device", "person"), picture
    assert abs(picture.confidence - 0.92) < 0.02, picture
    times_are_told(picture)
    assert picture.model_digest.startswith("sha256:091d65fd"), picture
    saved_bytes = device.account().saved_bytes
    plain = device.infer({"in_nhwc": NOISE}, DEADLINE_MS)
    assert NOISE.nbytes <= device.account().saved_bytes - saved_bytes < 2 * NOISE.nbytes
    for other in (NOISE.astype(">f4"), numpy.asfortranarray(NOISE), numpy.flip(numpy.flip(NOISE).copy())):
        answer = device.infer({"in_nhwc": other}, DEADLINE_MS)
        assert answer.label == "background" and answer.confidence == plain.confidence, answer
    probabilities = plain.outputs["probabilities"]
    assert probabilities.shape == (1, 2) and probabilities.dtype == numpy.float32, probabilities
    assert probabilities.max() == numpy.float32(plain.confidence), plain
    wrong = device.infer({"in_nhwc": NOISE[0]}, DEADLINE_MS)
    assert wrong.outcome == "failed" and wrong.detail, wrong
    scalar = device.infer({"in_nhwc": numpy.float32(1)}, DEADLINE_MS)
    assert scalar.outcome == "failed", scalar
    assert 0 < device.account().device_joules and device.account().edge_bytes == 0


class Node(http.server.BaseHTTPRequestHandler):
    """A bare model server that keeps whoever asks until its door opens, and then fails."""

    door, asked = threading.Event(), threading.Event()

    def do_GET(self):
        if self.path != "/v2/models/person-detect":
            self.send_error(404)
            return
        tensors = [{"name": "in_nhwc", "datatype": "FP32", "shape": [1, 128, 128, 3]}]
        description = json.dumps({"name": "person-detect", "inputs": tensors, "outputs": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(description)))
        self.end_headers()
        self.wfile.write(description)

    def do_POST(self):
        self.asked.set()
        self.door.wait()
        self.send_error(500)

    def log_message(self, *arguments):
        pass


def a_call_that_waits_lets_others_run_and_ends_before_the_device():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    device = longshore.Device("person-detect", edges=[f"http://127.0.0.1:{server.server_port}"])
    answers = []
    asking = threading.Thread(target=lambda: answers.append(device.infer({"in_nhwc": NOISE}, DEADLINE_MS)))
    closing = threading.Thread(target=device.close)
    asking.start()
    # This thread and the node's run while that one waits.
    assert Node.asked.wait(DEADLINE_MS / 1000)
    closing.start()
    Node.door.set()
    asking.join()
    closing.join()
    assert [(answer.outcome, answer.place) for answer in answers] == [("failed", None)], answers
    server.shutdown()


def threads_share_a_device():
    with longshore.Device("person-detect", edges=[URL], labels=LABELS) as device:
        answers = []
        ask = lambda: answers.append(device.infer({"in_nhwc": NOISE}, DEADLINE_MS))
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.endpoint for answer in answers] == ["oak"] * 4, answers
        assert 4 * NOISE.nbytes <= device.account().edge_bytes and device.account().saved_bytes == 0


def work_that_the_policy_holds_is_counted(reason):
    """The edge costs a vehicle far less energy than a run of its own, as it learns while its battery is so low that it must ask."""
    with here(edges=[URL], policy_file=f"{reason}.json", device_class="vehicle") as device:
        times = 0
        for _ in range(ROUNDS_MAX):
            device.set_battery(10)
            there = device.infer({"in_nhwc": NOISE}, DEADLINE_MS)
            device.set_battery(21)
            stayed = device.infer({"in_nhwc": NOISE}, DEADLINE_MS)
            times += stayed.reason == reason
            if (there.place, stayed.reason) == ("edge", reason):
                break
        assert (there.place, stayed.place, stayed.reason) == ("edge", "device", reason), stayed
        times_are_told(there)
        times_are_told(stayed)
        account = device.account()
    assert NOISE.nbytes <= account.saved_bytes and account.work_moves == 0, account
    held = {
        "within_margin": account.held_by_margin,
        "dwell": account.held_by_dwell,
        "flap_limit": account.held_by_flap_limit,
    }
    assert held == {**dict.fromkeys(held, 0), reason: times}, account


def a_closed_device_says_so():
    device = here()
    device.close()
    device.close()
    refused(longshore.Error, "the device is closed", lambda: device.infer(b"", DEADLINE_MS))
    refused(longshore.Error, "the device is closed", device.account)


def a_forked_process_is_told_to_make_its_own():
    with here() as device:
        child = os.fork()
        if child == 0:
            try:
                refused(longshore.Error, "was forked from", lambda: device.infer(b"", DEADLINE_MS))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0


assert longshore.__version__ == VERSION
arguments_are_checked()
with here() as device:
    device.set_battery(50)
    device.set_battery(None)
    device.set_zone("site-a")
    inputs_are_checked(device)
    arrays_of_every_layout_are_taken(device)
a_call_that_waits_lets_others_run_and_ends_before_the_device()
threads_share_a_device()
work_that_the_policy_holds_is_counted("within_margin")
work_that_the_policy_holds_is_counted("flap_limit")
a_closed_device_says_so()
a_forked_process_is_told_to_make_its_own()
here()
gc.collect()
print("every call did as it should")
