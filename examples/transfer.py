"""The paper's Figure 3d, or any other pair: python examples/transfer.py CONTENT STYLE WEIGHTS OUTPUT.wav."""

import sys

import audiostyle

content_file, style_file, weights_file, output = sys.argv[1:]
settings = audiostyle.Settings(rowac=True, colac=True, duration=2.0, iterations=3)

content, style = (audiostyle.analyse(path, settings) for path in (content_file, style_file))
weights = audiostyle.load_weights(weights_file)
objective = audiostyle.make_objective(content.tensor, style.tensor, weights, settings)
height, width = content.tensor.shape[2:]
image = audiostyle.start_image(height, width, settings)
for finished in audiostyle.descend(objective, image, settings):
    print(f"round {finished.index}: {finished.evaluations} evaluations, loss {finished.total:.6g}")
result = audiostyle.synthesise(finished.image, content, style, settings)
audiostyle.write_wav(output, result.samples, settings, content.level(settings))
