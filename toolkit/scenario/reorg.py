from toolkit.scenario.stage import Stage
def play(stage: Stage) -> None:
    raise NotImplementedError
