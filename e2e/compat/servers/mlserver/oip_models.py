"""The models `affine` (numbers) and `shout` (words) for MLServer."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse


class Affine(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        numbers = NumpyCodec.decode_input(payload.inputs[0]) * 2 + 1
        return answer(self, payload, NumpyCodec.encode_output("y", numbers))


class Shout(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        words = [word.upper() for word in StringCodec.decode_input(payload.inputs[0])]
        return answer(self, payload, StringCodec.encode_output("loud", words))


def answer(model, request, output):
    return InferenceResponse(id=request.id, model_name=model.name, model_version=model.version, outputs=[output])
