"""What is done with the run of a stack: dreams, likelihood, fine-tuning and predictions."""

from harmonium.stacks.dreaming import StackDreams, dream_of_stack
from harmonium.stacks.evaluation import StackLikelihood, evaluate_stack
from harmonium.stacks.prediction import predict
from harmonium.stacks.tuning import classify, generate

__all__ = [
    "StackDreams",
    "StackLikelihood",
    "classify",
    "dream_of_stack",
    "evaluate_stack",
    "generate",
    "predict",
]
