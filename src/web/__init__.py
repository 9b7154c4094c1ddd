"""Heroes in a web page: networks as ONNX files, and a static page whose JavaScript samples with them."""
