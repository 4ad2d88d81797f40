mod crowd;
mod pace;
